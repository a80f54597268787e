//! JSON-RPC over WebSocket and HTTP POST, on one loopback port.
//!
//! Everything is bounded: connections, bytes of a request, requests of a batch,
//! subscriptions of a connection, messages that wait for a slow client.

mod connection;
mod dev;
mod methods;
mod misaddress;
mod params;
mod subscriptions;

use std::sync::Arc;

use jsonrpsee::core::middleware::RpcServiceBuilder;
use jsonrpsee::server::{
    BatchRequestConfig, Methods, RandomStringIdProvider, ServerBuilder, ServerConfig, StopHandle,
    stop_channel,
};
use jsonrpsee::{RpcModule, types::ErrorObjectOwned};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::codec::CodecError;
use super::faults::Answers;
use super::node::Node;
use connection::Cuttable;
use misaddress::Clerk;

/// Sockets open at once.
const MAX_CONNECTIONS: u32 = 256;
/// Bytes of a request: a largest extrinsic in hex, or many storage keys.
const MAX_REQUEST_BYTES: u32 = 1024 * 1024;
/// Bytes of a response: the metadata in hex, or a large metagraph.
const MAX_RESPONSE_BYTES: u32 = 8 * 1024 * 1024;
/// Requests in a batch.
const MAX_BATCH: u32 = 256;
/// Subscriptions of a connection.
const MAX_SUBSCRIPTIONS: u32 = 128;
/// Messages waiting for a slow client.
const MAX_MESSAGES: u32 = 256;
/// Length of a subscription's id.
const SUBSCRIPTION_ID_CHARS: usize = 16;
/// What a node that answers nonsense answers.
const NONSENSE: &str = "0xnonsense";

/// Serves `node` on `listener` for as long as this is polled.
pub(super) async fn serve(listener: TcpListener, node: Arc<Node>, methods: Methods) {
    let seats = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    // Connections end with their sockets, which `Faults::cut` cuts.
    let (stop, _keep) = stop_channel();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
                    continue;
                };
                let (node, methods, stop) = (Arc::clone(&node), methods.clone(), stop.clone());
                tokio::spawn(connection(stream, seat, node, methods, stop));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    seat: OwnedSemaphorePermit,
    node: Arc<Node>,
    methods: Methods,
    stop: StopHandle,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a socket without TCP_NODELAY");
    }
    let cut = node.faults.cut();
    node.faults.unmuted().await;
    let clerk = Arc::clone(&node);
    let middleware = RpcServiceBuilder::new().layer_fn(move |service| Clerk {
        service,
        node: Arc::clone(&clerk),
    });
    let service = ServerBuilder::with_config(config())
        .set_rpc_middleware(middleware)
        .to_service_builder()
        .build(methods, stop);
    let stream = Cuttable::new(stream, cut, seat);
    if let Err(error) = jsonrpsee::server::serve(stream, service).await {
        tracing::debug!(%error, "a connection ended");
    }
}

fn config() -> ServerConfig {
    ServerConfig::builder()
        .max_connections(MAX_CONNECTIONS)
        .max_request_body_size(MAX_REQUEST_BYTES)
        .max_response_body_size(MAX_RESPONSE_BYTES)
        .max_subscriptions_per_connection(MAX_SUBSCRIPTIONS)
        .set_batch_request_config(BatchRequestConfig::Limit(MAX_BATCH))
        .set_message_buffer_capacity(MAX_MESSAGES)
        .set_id_provider(RandomStringIdProvider::new(SUBSCRIPTION_ID_CHARS))
        .build()
}

/// All methods and subscriptions.
pub(super) fn module(node: Arc<Node>) -> Result<Methods, CodecError> {
    let mut module = RpcModule::new(node);
    register(&mut module).map_err(|error| CodecError(error.to_string()))?;
    Ok(module.into())
}

fn register(
    module: &mut RpcModule<Arc<Node>>,
) -> Result<(), jsonrpsee::server::RegisterMethodError> {
    for (name, parameters) in methods::METHODS {
        module.register_async_method(name, move |params, node, _| async move {
            match node.faults.gate().await {
                Answers::Nonsense => Ok(NONSENSE.into()),
                _ => methods::answer(&node, name, &params::positional(&params, parameters)?),
            }
        })?;
    }
    for (name, parameters) in dev::METHODS {
        module.register_method(name, move |params, node, _| {
            dev::answer(node, name, &params::positional(&params, parameters)?)
        })?;
    }
    subscriptions::register(module)?;
    let mut names: Vec<&'static str> = module.method_names().collect();
    names.push("rpc_methods");
    names.sort_unstable();
    module.register_method("rpc_methods", move |_, _, _| {
        Ok::<_, ErrorObjectOwned>(serde_json::json!({ "methods": names }))
    })?;
    Ok(())
}
