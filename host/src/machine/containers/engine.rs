//! Docker Engine, as far as workloads need it; every call has a deadline.

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::models::{ContainerCreateBody, NetworkCreateRequest, SystemInfo};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptions, RenameContainerOptionsBuilder, StopContainerOptionsBuilder,
};
use futures::TryStreamExt as _;

use super::tenant::{NODE_LABEL, Tenant};
use crate::subnet::text::escape;
use crate::subnet::workload::WorkloadError;

/// How long the engine may take over one call; to end a container with many
/// processes takes it longest.
const CALL_S_MAX: u64 = 60;
/// How long a command in a container may take: whoever rents it can make it hang.
const COMMAND_S_MAX: u64 = 10;
/// Between being asked to end and being ended.
const STOP_S: i32 = 5;
/// The oldest API that has all that is used here: Docker Engine 20.10.
const API_MIN: (usize, usize) = (1, 41);

const NOT_THERE: u16 = 404;
const CONFLICT: u16 = 409;

/// What the engine's answer means for who asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    #[error("it is not there")]
    NotThere,
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Failed(String),
}

impl From<EngineError> for WorkloadError {
    fn from(error: EngineError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The engine behind a socket; connected to for each call anew, so that it may end
/// and start again meanwhile.
pub(super) struct Engine {
    socket: PathBuf,
    tag: String,
}

impl Engine {
    pub(super) fn new(socket: &Path, tag: String) -> Self {
        Self {
            socket: socket.to_owned(),
            tag,
        }
    }

    /// What it says of itself and its machine.
    pub(super) async fn info(&self) -> Result<SystemInfo, EngineError> {
        self.call(async |docker| docker.info().await).await
    }

    /// This node's workloads, whatever they do.
    pub(super) async fn tenants(&self) -> Result<Vec<Tenant>, EngineError> {
        let ours = format!("{NODE_LABEL}={}", self.tag);
        let filters = HashMap::from([("label", vec![ours.as_str()])]);
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let listed = self.call(async move |docker| docker.list_containers(Some(options)).await);
        Ok(listed.await?.into_iter().filter_map(Tenant::read).collect())
    }

    /// Whether an image is on this machine.
    pub(super) async fn has_image(&self, image: &str) -> Result<bool, EngineError> {
        let inspected = self
            .call(async |docker| docker.inspect_image(image).await)
            .await;
        match inspected {
            Ok(_) => Ok(true),
            Err(EngineError::NotThere) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the bridge that workloads are on, unless it is there.
    pub(super) async fn network(&self, network: NetworkCreateRequest) -> Result<(), EngineError> {
        let name = network.name.clone();
        let there = self
            .call(async |docker| docker.inspect_network(&name, None).await)
            .await;
        match there {
            Ok(_) => Ok(()),
            Err(EngineError::NotThere) => {
                let made = self.call(async move |docker| docker.create_network(network).await);
                let Err(error) = made.await else {
                    return Ok(());
                };
                // Somebody else may have been faster; the engine has several words for it.
                let again = self.call(async |docker| docker.inspect_network(&name, None).await);
                again.await.map(|_| ()).map_err(|_| error)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a container; it does not run yet.
    pub(super) async fn create(
        &self,
        name: &str,
        body: ContainerCreateBody,
    ) -> Result<String, EngineError> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        let made =
            self.call(async move |docker| docker.create_container(Some(options), body).await);
        Ok(made.await?.id)
    }

    /// Starts a container; one that runs is no error.
    pub(super) async fn start(&self, id: &str) -> Result<(), EngineError> {
        self.call(async |docker| docker.start_container(id, None).await)
            .await
    }

    /// Ends what runs in a container, which stays.
    pub(super) async fn stop(&self, id: &str) -> Result<(), EngineError> {
        let options = StopContainerOptionsBuilder::default().t(STOP_S).build();
        self.call(async move |docker| docker.stop_container(id, Some(options)).await)
            .await
    }

    /// Holds still what runs in a container.
    pub(super) async fn pause(&self, id: &str) -> Result<(), EngineError> {
        self.call(async |docker| docker.pause_container(id).await)
            .await
    }

    /// Lets it go on.
    pub(super) async fn unpause(&self, id: &str) -> Result<(), EngineError> {
        self.call(async |docker| docker.unpause_container(id).await)
            .await
    }

    /// Runs a command in a container that runs, as its root; one that fails is an
    /// error, and one that hangs is left to whoever made it.
    pub(super) async fn run(
        &self,
        id: &str,
        command: CreateExecOptions<String>,
    ) -> Result<(), EngineError> {
        let ran = self.call(async move |docker| {
            let exec = docker.create_exec(id, command).await?.id;
            let begun = docker.start_exec(&exec, None::<StartExecOptions>).await?;
            if let StartExecResults::Attached { mut output, .. } = begun {
                while output.try_next().await?.is_some() {}
            }
            Ok(docker.inspect_exec(&exec).await?.exit_code)
        });
        match tokio::time::timeout(Duration::from_secs(COMMAND_S_MAX), ran).await {
            Ok(Ok(Some(0))) => Ok(()),
            Ok(Ok(code)) => Err(EngineError::Failed(format!(
                "a command in the container ended with {code:?}"
            ))),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(EngineError::Failed(format!(
                "a command in the container took more than {COMMAND_S_MAX} s"
            ))),
        }
    }

    /// Gives a container another name.
    pub(super) async fn rename(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let options = RenameContainerOptionsBuilder::default().name(name).build();
        self.call(async move |docker| docker.rename_container(id, options).await)
            .await
    }

    /// Ends a container and removes it; returns once it is gone.
    pub(super) async fn remove(&self, id: &str) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let removed = self
            .call(async move |docker| docker.remove_container(id, Some(options)).await)
            .await;
        match removed {
            Ok(()) | Err(EngineError::NotThere) => {}
            // Somebody removes it already: whether it is gone is seen below.
            Err(EngineError::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
        match self
            .call(async |docker| docker.inspect_container(id, None).await)
            .await
        {
            Err(EngineError::NotThere) => Ok(()),
            Ok(_) => Err(EngineError::Failed(
                "the container is still there".to_owned(),
            )),
            Err(error) => Err(error),
        }
    }

    /// Removes a volume; one that is gone is no error.
    pub(super) async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let removed = self.call(async |docker| {
            docker
                .remove_volume(name, None::<RemoveVolumeOptions>)
                .await
        });
        match removed.await {
            Err(EngineError::NotThere) => Ok(()),
            removed => removed,
        }
    }

    async fn call<T, F>(&self, work: impl FnOnce(Docker) -> F) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let done = tokio::time::timeout(Duration::from_secs(CALL_S_MAX), async {
            let docker = self.connect().await?;
            work(docker).await
        });
        match done.await {
            Ok(done) => done.map_err(|error| self.meaning(error)),
            Err(_) => Err(EngineError::Failed(format!(
                "no answer from {} within {CALL_S_MAX} s",
                self.socket.display()
            ))),
        }
    }

    async fn connect(&self) -> Result<Docker, Error> {
        let path = self.socket.to_string_lossy();
        let newest = bollard::API_DEFAULT_VERSION;
        let docker = Docker::connect_with_unix(&path, CALL_S_MAX, newest)?;
        let docker = docker.negotiate_version().await?;
        let version = docker.client_version();
        if (version.major_version, version.minor_version) < API_MIN {
            return Err(Error::APIVersionParseError {});
        }
        Ok(docker)
    }

    fn meaning(&self, error: Error) -> EngineError {
        match error {
            Error::DockerResponseServerError {
                status_code: NOT_THERE,
                ..
            } => EngineError::NotThere,
            Error::DockerResponseServerError {
                status_code: CONFLICT,
                message,
            } => EngineError::Conflict(escape(&message)),
            Error::DockerResponseServerError { message, .. } => {
                EngineError::Failed(escape(&message))
            }
            Error::APIVersionParseError {} => EngineError::Failed(
                "it is older than Docker Engine 20.10, the oldest that is supported".to_owned(),
            ),
            error => EngineError::Failed(format!(
                "{} does not answer as an engine does: {}; is it running?",
                self.socket.display(),
                escape(&error.to_string())
            )),
        }
    }
}
