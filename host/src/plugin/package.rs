//! What a source gives: bytes, and what their publisher says of them.
//!
//! A source knows where to look and nothing about trust. There is one so far, a
//! file with its manifest beside it; the drop folder reads files too. A registry
//! on the network would be another: it gives the same four things, and everything
//! after it stays as it is.

use std::io;
use std::path::{Path, PathBuf};

use super::admission::{self, AdmissionError};
use super::files;
use super::manifest::{self, MANIFEST_BYTES_MAX, Signed, embed};
use super::trust::TrustError;
use crate::subnet::plugin::Digest;
use crate::subnet::text::escape;

/// The manifest of `x.wasm` is `x.manifest`.
const EXTENSION: &str = "manifest";

/// A component or a data pack, as it was offered.
#[derive(Clone)]
pub struct Package {
    /// Where it came from, for the record.
    pub origin: String,
    /// Without an embedded manifest.
    pub bytes: Vec<u8>,
    /// Of `bytes`.
    pub digest: Digest,
    /// What came with it, true or not.
    pub manifest: Option<Signed>,
}

/// Where packages come from.
pub trait PackageSource {
    /// Gets it; bounded in size and time by the source itself.
    fn fetch(&self) -> Result<Package, AdmissionError>;
}

impl Package {
    /// Takes the bytes of a file, and those of the manifest beside it if there is
    /// one. Where one is inside as well, both must say the same, and the
    /// signatures of both count.
    pub fn open(
        origin: String,
        file: Vec<u8>,
        beside: Option<&[u8]>,
    ) -> Result<Self, AdmissionError> {
        let (bytes, inside) = embed::split(&file).map_err(TrustError::Manifest)?;
        let manifest = join(inside, beside).map_err(TrustError::Manifest)?;
        let digest = admission::digest(bytes);
        let kept = bytes.len();
        let mut bytes = file;
        bytes.truncate(kept);
        Ok(Self {
            origin,
            bytes,
            digest,
            manifest,
        })
    }

    /// Whether this is WebAssembly of some kind, rather than data.
    pub fn is_code(&self) -> bool {
        self.bytes.starts_with(b"\0asm")
    }
}

fn join(
    inside: Option<&[u8]>,
    beside: Option<&[u8]>,
) -> Result<Option<Signed>, manifest::ManifestError> {
    let inside = inside.map(manifest::read).transpose()?;
    let beside = beside.map(manifest::read).transpose()?;
    match (inside, beside) {
        (Some(mut inside), Some(beside)) => {
            inside.join(&beside)?;
            Ok(Some(inside))
        }
        (inside, beside) => Ok(inside.or(beside)),
    }
}

/// A file, and `x.manifest` beside it.
#[derive(Debug, Clone)]
pub struct FileSource {
    /// The component or the data pack.
    pub path: PathBuf,
    /// A larger one is not read.
    pub bytes_max: usize,
}

impl PackageSource for FileSource {
    fn fetch(&self) -> Result<Package, AdmissionError> {
        let origin = escape(&self.path.display().to_string());
        let file = read(&self.path, self.bytes_max)?;
        let beside = match read(&manifest_path(&self.path), MANIFEST_BYTES_MAX) {
            Err(AdmissionError::NotThere(_)) => None,
            read => Some(read?),
        };
        Package::open(origin, file, beside.as_deref())
    }
}

/// Where the manifest of the file at `path` is.
pub fn manifest_path(path: &Path) -> PathBuf {
    path.with_extension(EXTENSION)
}

fn read(path: &Path, max: usize) -> Result<Vec<u8>, AdmissionError> {
    let shown = || escape(&path.display().to_string());
    match files::read_up_to(path, max) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => {
            let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            Err(AdmissionError::TooLarge { bytes, max })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(AdmissionError::NotThere(shown()))
        }
        Err(error) => Err(AdmissionError::Unreadable(format!("{}: {error}", shown()))),
    }
}
