//! A caller that keeps one connection and speaks either wire over it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use host::subnet::key::Signer as _;
use host::subnet::synapse::{Declaration, Fields, Kind};
use host::synapse::btauth;
use host::synapse::classic::json::NonFinite;
use host::synapse::classic::{Entry, Envelope, Head, Terminal, VERSION, message, write_body};
use host::synapse::clock::{Clock as _, SystemClock};
use host::synapse::verify::Arrived;

use super::server::Key;

const PAYLOAD: &[u8] = &[7; 256];
const PATH: &str = "/compute-subnet/1/challenge/s/0/echo/10000";
const UUID: &str = "46199c12-e677-11f1-9df4-02fc00000001";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Classic,
    Btauth,
}

pub(super) struct Client {
    stream: BufReader<TcpStream>,
    wire: Wire,
    key: Arc<Key>,
    entry: Entry,
}

pub(super) fn arrived() -> Arrived<'static> {
    Arrived {
        method: "POST",
        target: PATH,
        body: PAYLOAD,
    }
}

impl Client {
    pub(super) fn new(address: SocketAddr, wire: Wire) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let declaration = Declaration::new("Echo")
            .required("prompt", Kind::Text)
            .optional("n", Kind::Int, host::subnet::synapse::Value::Int(3))
            .hashed(&["prompt", "n"]);
        Self {
            stream: BufReader::new(stream),
            wire,
            key: Key::new(1),
            entry: Entry::new(declaration).unwrap(),
        }
    }

    pub(super) fn ask(&mut self) {
        let request = match self.wire {
            Wire::Classic => self.classic(),
            Wire::Btauth => self.btauth(),
        };
        self.stream.get_mut().write_all(&request).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.contains(" 200 "), "{line}");
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
    }

    fn btauth(&self) -> Vec<u8> {
        let me = Key::new(2).account();
        let signed = btauth::sign(self.key.as_ref(), arrived(), &me, SystemClock.unix_ns());
        let mut head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n\
             content-length: {}\r\n",
            PAYLOAD.len()
        );
        for (name, value) in signed {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        [head.as_bytes(), b"\r\n", PAYLOAD].concat()
    }

    /// All headers and the envelope, as a Python dendrite sends them.
    fn classic(&self) -> Vec<u8> {
        let given = Fields(vec![("prompt".to_owned(), "hello there".into())]);
        let fields = self.entry.complete(given).unwrap();
        let mut hashed: Vec<_> = fields.0.iter().map(|(_, value)| value.clone()).collect();
        hashed.push(host::subnet::synapse::Value::List(Vec::new()));
        hashed.push(host::subnet::synapse::Value::Dict(Vec::new()));
        let hash = host::synapse::classic::body_hash(hashed.iter());
        let (nonce, own) = (SystemClock.unix_ns(), self.key.account().to_ss58());
        let me = Key::new(2).account().to_ss58();
        let text = message(nonce, &own, &me, UUID, &hash);
        let signature = self.key.sign(text.as_bytes());
        let head = Head {
            name: Some("Echo".to_owned()),
            timeout_s: Some(12.0),
            axon: Terminal {
                ip: Some("127.0.0.1".to_owned()),
                port: Some(8091),
                hotkey: Some(me),
                ..Terminal::default()
            },
            dendrite: Terminal {
                ip: Some("203.0.113.7".to_owned()),
                version: Some(VERSION),
                nonce: Some(nonce),
                uuid: Some(UUID.to_owned()),
                hotkey: Some(own),
                signature: Some(format!("0x{}", hex::encode(signature.0))),
                ..Terminal::default()
            },
            inputs: self.entry.announcements(&fields),
            computed_body_hash: Some(hash),
        };
        let envelope = Envelope {
            name: "Echo".to_owned(),
            timeout_s: Some(12.0),
            dendrite: head.dendrite.clone(),
            axon: head.axon.clone(),
        };
        let body = write_body(&envelope, &fields, NonFinite::AsPython);
        let mut text = String::from("POST /Echo HTTP/1.1\r\nhost: x\r\n");
        for (name, value) in &head.write() {
            text += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        let length = body.len();
        text += "content-type: application/json\r\n";
        text += &format!("content-length: {length}\r\n\r\n{body}");
        text.into_bytes()
    }
}
