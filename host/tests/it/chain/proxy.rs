//! Sits between a client and a node, counts what passes and spoils it as told.
//!
//! Knows as much of WebSockets as one client and one server of JSON-RPC use:
//! the handshake passes unread, each message is one frame.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// The opcode of text, in the only or last frame of a message.
const TEXT: u8 = 0x81;

/// What becomes of a message.
pub(crate) enum Fate {
    /// It goes on as it is.
    Pass,
    /// This goes on in its place.
    Replace(Value),
    /// Nothing goes on.
    Drop,
    /// It goes on, and then both connections end.
    Cut,
}

/// A request: its method and its parameters.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) params: Value,
}

type OnRequest = Box<dyn FnMut(&Asked) -> Fate + Send>;
type OnAnswer = Box<dyn FnMut(&Asked, &Value) -> Fate + Send>;

struct State {
    on_request: OnRequest,
    on_answer: OnAnswer,
    asked: Vec<Asked>,
    bytes: usize,
}

/// A proxy; it ends when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Passes everything on to `url`.
    pub(crate) async fn to(url: &str) -> Self {
        let node = url.trim_start_matches("ws://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            on_request: Box::new(|_| Fate::Pass),
            on_answer: Box::new(|_, _| Fate::Pass),
            asked: Vec::new(),
            bytes: 0,
        }));
        let task = tokio::spawn({
            let state = state.clone();
            async move {
                let mut connections = JoinSet::new();
                while let Ok((client, _)) = listener.accept().await {
                    let (state, node) = (state.clone(), node.clone());
                    connections.spawn(async move {
                        // However it ends, it ends: the client sees that.
                        let _ = connection(client, &node, &state).await;
                    });
                }
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Decides about every request from now on.
    pub(crate) fn on_request(&self, decide: impl FnMut(&Asked) -> Fate + Send + 'static) {
        self.state.lock().unwrap().on_request = Box::new(decide);
    }

    /// Decides about every answer and notification from now on; a notification
    /// has its own method and no parameters.
    pub(crate) fn on_answer(&self, decide: impl FnMut(&Asked, &Value) -> Fate + Send + 'static) {
        self.state.lock().unwrap().on_answer = Box::new(decide);
    }

    /// All that was asked since the last time, and the bytes that came back.
    pub(crate) fn taken(&self) -> (Vec<Asked>, usize) {
        let mut state = self.state.lock().unwrap();
        (
            std::mem::take(&mut state.asked),
            std::mem::take(&mut state.bytes),
        )
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer with another value.
pub(crate) fn with_result(answer: &Value, result: Value) -> Value {
    let mut answer = answer.clone();
    answer["result"] = result;
    answer
}

/// A refusal in place of an answer.
pub(crate) fn with_error(answer: &Value, code: i32, data: &str) -> Value {
    serde_json::json!({
        "jsonrpc": "2.0",
        "id": answer["id"],
        "error": { "code": code, "message": "Invalid Transaction", "data": data },
    })
}

async fn connection(client: TcpStream, node: &str, state: &Mutex<State>) -> io::Result<()> {
    let node = TcpStream::connect(node).await?;
    node.set_nodelay(true)?;
    client.set_nodelay(true)?;
    let (from_client, mut to_client) = client.into_split();
    let (from_node, mut to_node) = node.into_split();
    let (mut from_client, mut from_node) = (BufReader::new(from_client), BufReader::new(from_node));
    pass_head(&mut from_client, &mut to_node).await?;
    pass_head(&mut from_node, &mut to_client).await?;
    let pending = Mutex::new(HashMap::new());
    tokio::select! {
        ended = requests(from_client, to_node, state, &pending) => ended,
        ended = answers(from_node, to_client, state, &pending) => ended,
    }
}

async fn pass_head(from: &mut BufReader<OwnedReadHalf>, to: &mut OwnedWriteHalf) -> io::Result<()> {
    let mut line = Vec::new();
    while line != b"\r\n" {
        line.clear();
        if from.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to.write_all(&line).await?;
    }
    Ok(())
}

type Pending = Mutex<HashMap<String, Asked>>;

async fn requests(
    mut from: BufReader<OwnedReadHalf>,
    mut to: OwnedWriteHalf,
    state: &Mutex<State>,
    pending: &Pending,
) -> io::Result<()> {
    loop {
        let (opcode, payload) = read_frame(&mut from).await?;
        let mut fate = Fate::Pass;
        if opcode == TEXT {
            let message: Value = serde_json::from_slice(&payload)?;
            let asked = Asked {
                method: message["method"].as_str().unwrap_or_default().to_owned(),
                params: message["params"].clone(),
            };
            let id = message["id"].to_string();
            pending.lock().unwrap().insert(id, asked.clone());
            let mut state = state.lock().unwrap();
            fate = (state.on_request)(&asked);
            state.asked.push(asked);
        }
        match fate {
            Fate::Pass => write_frame(&mut to, opcode, Some([0; 4]), &payload).await?,
            Fate::Replace(with) => {
                write_frame(&mut to, opcode, Some([0; 4]), with.to_string().as_bytes()).await?;
            }
            Fate::Drop => {}
            Fate::Cut => {
                write_frame(&mut to, opcode, Some([0; 4]), &payload).await?;
                return Ok(());
            }
        }
    }
}

async fn answers(
    mut from: BufReader<OwnedReadHalf>,
    mut to: OwnedWriteHalf,
    state: &Mutex<State>,
    pending: &Pending,
) -> io::Result<()> {
    loop {
        let (opcode, payload) = read_frame(&mut from).await?;
        let mut fate = Fate::Pass;
        if opcode == TEXT {
            let message: Value = serde_json::from_slice(&payload)?;
            let asked = pending.lock().unwrap().remove(&message["id"].to_string());
            let asked = asked.unwrap_or_else(|| Asked {
                method: message["method"].as_str().unwrap_or_default().to_owned(),
                params: Value::Null,
            });
            let mut state = state.lock().unwrap();
            fate = (state.on_answer)(&asked, &message);
            state.bytes += match &fate {
                Fate::Replace(with) => with.to_string().len(),
                _ => payload.len(),
            };
        }
        match fate {
            Fate::Pass => write_frame(&mut to, opcode, None, &payload).await?,
            Fate::Replace(with) => {
                write_frame(&mut to, opcode, None, with.to_string().as_bytes()).await?;
            }
            Fate::Drop => {}
            Fate::Cut => {
                write_frame(&mut to, opcode, None, &payload).await?;
                return Ok(());
            }
        }
    }
}

/// A frame's first byte and its payload, unmasked.
async fn read_frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let opcode = from.read_u8().await?;
    let second = from.read_u8().await?;
    let length = match second & 0x7f {
        126 => u64::from(from.read_u16().await?),
        127 => from.read_u64().await?,
        short => u64::from(short),
    };
    let mut mask = [0; 4];
    if second & 0x80 != 0 {
        from.read_exact(&mut mask).await?;
    }
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut payload = vec![0; length];
    from.read_exact(&mut payload).await?;
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    Ok((opcode, payload))
}

async fn write_frame(
    to: &mut (impl AsyncWrite + Unpin),
    opcode: u8,
    mask: Option<[u8; 4]>,
    payload: &[u8],
) -> io::Result<()> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut frame = vec![opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ 0..=125), _) => frame.push(masked | length),
        (_, Ok(length)) => {
            frame.push(masked | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(masked | 127);
            let length = u64::try_from(payload.len()).map_err(io::Error::other)?;
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    // A mask of zeros changes nothing.
    frame.extend(mask.iter().flatten());
    frame.extend_from_slice(payload);
    to.write_all(&frame).await
}
