//! moto: a server from PyPI that many test their use of AWS with.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use crate::python;

/// moto looks at no signature.
const AS_ANYBODY: &str = "AWS4-HMAC-SHA256 \
    Credential=AKIA/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0";

/// One account, and its server, which ends with its test.
pub(crate) struct Moto {
    process: Child,
    /// Host and port.
    pub(crate) address: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Moto {
    /// `None` where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let mut command = python::program(python::CLOUDS, "moto_server")?;
        let mut process = command
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let address = lines.find_map(|line| {
            let (_, rest) = line.split_once("Running on http://")?;
            Some(rest.trim().to_owned())
        });
        // What it goes on to say must be taken, or it would wait.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.unwrap();
        let moto = Self { process, address };
        // Its first answer takes it seconds.
        moto.says("Action=DescribeInstanceTypes");
        Some(moto)
    }

    /// What moto says itself.
    pub(crate) fn says(&self, query: &str) -> String {
        let body = format!("Version=2016-11-15&{query}");
        String::from_utf8(ask(&self.address, AS_ANYBODY, body.as_bytes()).1).unwrap()
    }
}

/// Status and body.
pub(super) fn ask(address: &str, authorization: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: ec2.us-east-1.amazonaws.com\r\nconnection: close\r\n\
         authorization: {authorization}\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded; charset=utf-8\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let status = std::str::from_utf8(&answer[9..12])
        .unwrap()
        .parse()
        .unwrap();
    (status, answer[end + 4..].to_vec())
}
