//! The RPC surface: what clients other than subxt ask, and what is refused.

use host::devchain::Options;
use serde_json::{Value as Json, json};
use subxt::dynamic::{self, Value};
use subxt::rpcs::client::RpcParams;
use subxt::rpcs::{RpcClient, rpc_params};

use super::client::{Client, key};
use super::{chain, chain_and_client, with_neurons};

async fn connect(chain: &host::devchain::DevChain) -> RpcClient {
    RpcClient::from_insecure_url(chain.url()).await.unwrap()
}

async fn ask(client: &RpcClient, method: &str, params: RpcParams) -> Json {
    client.request(method, params).await.unwrap()
}

async fn error(client: &RpcClient, method: &str, params: RpcParams) -> String {
    let answer: Result<Json, _> = client.request(method, params).await;
    format!("{:?}", answer.unwrap_err())
}

#[tokio::test]
async fn it_names_itself_a_development_chain_with_a_genesis_of_its_own() {
    let (one, other) = (chain(|_| {}).await, chain(|_| {}).await);
    let client = connect(&one).await;
    let name = ask(&client, "system_chain", rpc_params![]).await;
    assert_eq!(name, "Compute Subnet Development");
    assert_eq!(
        ask(&client, "system_chainType", rpc_params![]).await,
        "Development"
    );
    let version = ask(&client, "state_getRuntimeVersion", rpc_params![]).await;
    assert_eq!(
        (&version["specVersion"], &version["transactionVersion"]),
        (&json!(461), &json!(1))
    );
    assert_ne!(one.genesis(), other.genesis());
    let salted = |salt| chain(move |options: &mut Options| options.genesis_salt = Some(salt));
    assert_eq!(
        salted([1; 32]).await.genesis(),
        salted([1; 32]).await.genesis()
    );
}

#[tokio::test]
async fn storage_is_read_iterated_and_paged() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 0), ("Charlie", 0)]).await;
    let address = dynamic::storage::<(u16, u16), Value>("SubtensorModule", "Keys");
    let at = client.api.at_current_block().await.unwrap();
    let mut entries = at.storage().iter(address, (1_u16,)).await.unwrap();
    let mut hotkeys = Vec::new();
    while let Some(entry) = entries.next().await {
        hotkeys.push(entry.unwrap().value().decode_as::<[u8; 32]>().unwrap());
    }
    assert_eq!(
        hotkeys,
        ["Alice", "Bob", "Charlie"].map(|name| key(name).public())
    );
    let rpc = connect(&chain).await;
    let prefix = "0x658faa385070e074c85bf6b568cf05559f99a2ce711f3a31b2fc05604c93f179";
    let page = ask(&rpc, "state_getKeysPaged", rpc_params![prefix, 2, prefix]).await;
    let second = page[1].as_str().unwrap();
    let rest = ask(
        &rpc,
        "state_getKeysPaged",
        rpc_params![prefix, 2, second, Json::Null],
    )
    .await;
    assert_eq!(
        (
            page.as_array().unwrap().len(),
            rest.as_array().unwrap().len()
        ),
        (2, 1)
    );
    let refused = error(
        &rpc,
        "state_getKeysPaged",
        rpc_params![prefix, 1001, Json::Null],
    )
    .await;
    assert!(refused.contains("4002"), "{refused}");
}

#[tokio::test]
async fn the_past_is_as_it_was() {
    let (chain, client) = chain_and_client().await;
    let before = chain.advance(1).unwrap();
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let address = dynamic::storage::<(u16,), u16>("SubtensorModule", "SubnetworkN");
    let then = client.api.at_block(before.number).await.unwrap();
    let value = then.storage().fetch(address, (1_u16,)).await.unwrap();
    assert_eq!(value.decode().unwrap(), 1);
    let rpc = connect(&chain).await;
    let unknown = format!("0x{}", "ab".repeat(32));
    let refused = error(&rpc, "state_getStorage", rpc_params!["0x00", unknown]).await;
    assert!(refused.contains("UnknownBlock"), "{refused}");
}

#[tokio::test]
async fn a_block_holds_what_was_sent_and_hashes_as_its_header() {
    let (chain, client) = chain_and_client().await;
    let mut blocks = client.api.stream_blocks().await.unwrap();
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let mut seen = 0;
    while seen < 1 {
        let block = blocks.next().await.unwrap().unwrap();
        seen = block.number();
        // subxt hashed the streamed header itself: the block is found by it.
        block.at().await.unwrap();
    }
    let rpc = connect(&chain).await;
    let block = ask(&rpc, "chain_getBlock", rpc_params![]).await;
    assert_eq!(block["block"]["extrinsics"].as_array().unwrap().len(), 2);
    assert_eq!(block["block"]["header"]["number"], "0x1");
}

#[tokio::test]
async fn metadata_is_served_in_both_versions() {
    let chain = chain(|_| {}).await;
    let rpc = connect(&chain).await;
    let bare = ask(&rpc, "state_getMetadata", rpc_params![]).await;
    assert!(bare.as_str().unwrap().starts_with("0x6d6574610e"));
    let versions = ask(
        &rpc,
        "state_call",
        rpc_params!["Metadata_metadata_versions", ""],
    )
    .await;
    assert_eq!(versions, "0x080e0000000f000000");
    for (asked, starts) in [
        ("0x0f000000", "0x01"),
        ("0f000000", "0x01"),
        ("10000000", "0x00"),
    ] {
        let answer = ask(
            &rpc,
            "state_call",
            rpc_params!["Metadata_metadata_at_version", asked],
        )
        .await;
        assert!(answer.as_str().unwrap().starts_with(starts), "{asked}");
    }
}

#[tokio::test]
async fn what_is_not_covered_is_an_error() {
    let chain = chain(|_| {}).await;
    let rpc = connect(&chain).await;
    let method = error(&rpc, "archive_v1_genesisHash", rpc_params![]).await;
    assert!(method.contains("-32601"), "{method}");
    let api = error(
        &rpc,
        "state_call",
        rpc_params!["BabeApi_configuration", "0x"],
    )
    .await;
    assert!(api.contains("BabeApi_configuration is not found"), "{api}");
    let params = error(&rpc, "state_getStorage", rpc_params![17]).await;
    assert!(params.contains("-32602"), "{params}");
}

#[tokio::test]
async fn a_second_extrinsic_of_one_nonce_has_too_low_a_priority() {
    let (chain, client) = chain_and_client().await;
    let sign = |remark: u8| {
        let payload = dynamic::transaction("System", "remark", (vec![remark],));
        let api = client.api.clone();
        async move {
            let mut tx = api.tx().await.unwrap();
            let signed = tx
                .create_signed(&payload, &key("Bob"), Default::default())
                .await;
            signed.unwrap().into_encoded()
        }
    };
    let rpc = connect(&chain).await;
    let send = async |bytes: &[u8]| {
        let answer: Result<Json, _> = rpc
            .request(
                "author_submitExtrinsic",
                rpc_params![format!("0x{}", hex::encode(bytes))],
            )
            .await;
        answer.map_err(|error| format!("{error:?}"))
    };
    let (first, second) = (sign(1).await, sign(2).await);
    send(&first).await.unwrap();
    assert!(send(&first).await.unwrap_err().contains("1013"));
    assert!(send(&second).await.unwrap_err().contains("1014"));
    let bob = subxt::utils::AccountId32(key("Bob").public()).to_string();
    assert_eq!(ask(&rpc, "account_nextIndex", rpc_params![&bob]).await, 1);
    chain.advance(1).unwrap();
    assert!(send(&second).await.unwrap_err().contains("outdated"));
    assert_eq!(chain.waiting(), 0);
    assert!(send(&[1, 2, 3]).await.unwrap_err().contains("1001"));
}

#[tokio::test]
async fn an_extrinsic_of_another_chain_has_a_bad_signature() {
    let (one, other) = (chain(|_| {}).await, chain(|_| {}).await);
    let client = Client::connect(&one.url()).await;
    let payload = dynamic::transaction("System", "remark", (vec![1_u8],));
    let mut tx = client.api.tx().await.unwrap();
    let signed = tx
        .create_signed(&payload, &key("Bob"), Default::default())
        .await;
    let bytes = format!("0x{}", hex::encode(signed.unwrap().into_encoded()));
    let rpc = connect(&other).await;
    let refused = error(&rpc, "author_submitExtrinsic", rpc_params![bytes]).await;
    assert!(
        refused.contains("1010") && refused.contains("bad signature"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_chain_that_others_could_reach_is_refused() {
    let options = Options {
        listen: "0.0.0.0:0".parse().unwrap(),
        ..Options::default()
    };
    let refused = host::devchain::start(options).await.err().unwrap();
    assert!(refused.to_string().contains("loopback"), "{refused}");
}

/// Sends a body over HTTP and gives what comes back.
async fn post(chain: &host::devchain::DevChain, body: String) -> (u16, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(chain.address())
        .await
        .unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        chain.address(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The chain may close before it has read all of what is too much.
    let _ = stream.write_all(body.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    (status.unwrap_or(0), body.to_owned())
}

#[tokio::test]
async fn requests_are_taken_however_clients_write_them() {
    let chain = chain(|_| {}).await;
    let genesis = format!("0x{}", hex::encode(chain.genesis()));
    let request = |id: Json, method: &str, params: Json| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    // Ids that are numbers or texts, parameters by position with nulls after
    // them or by name, numbers in hex; and all of it in one batch.
    let asked = [
        request(json!(7), "chain_getBlockHash", json!([0])),
        request(json!("a"), "chain_getBlockHash", json!({ "hash": 0 })),
        request(json!(8), "chain_getBlockHash", json!(["0x0"])),
        request(
            json!("b"),
            "chain_getBlockHash",
            json!({ "block_number": 0 }),
        ),
        request(json!(9), "chain_getBlockHash", json!([0, null])),
    ];
    let (status, body) = post(&chain, json!(asked).to_string()).await;
    assert_eq!(status, 200);
    let answers: Json = serde_json::from_str(&body).unwrap();
    for (request, answer) in asked.iter().zip(answers.as_array().unwrap()) {
        assert_eq!(answer["result"], json!(genesis), "{request}");
        assert_eq!(answer["id"], request["id"]);
    }
    let version = |data: &str| request(json!(1), "state_call", json!(["Core_version", data, null]));
    let with = post(&chain, version("0x").to_string()).await;
    assert_eq!(with, post(&chain, version("").to_string()).await);
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let chain = chain(|_| {}).await;
    let long = format!("\"{}\"", "a".repeat(1024 * 1024));
    let (status, _) = post(&chain, long).await;
    assert_eq!(status, 413);
    let one = json!({ "jsonrpc": "2.0", "id": 1, "method": "system_chain" });
    let (_, body) = post(&chain, json!(vec![one; 257]).to_string()).await;
    assert!(body.contains("batch"), "{body}");
    let rpc = connect(&chain).await;
    let keys = vec!["0x00"; 1025];
    let mut open = Vec::new();
    for _ in 0..128 {
        let heads = rpc
            .subscribe::<Json>(
                "chain_subscribeNewHeads",
                rpc_params![],
                "chain_unsubscribeNewHeads",
            )
            .await;
        open.push(heads.unwrap());
    }
    let another = rpc
        .subscribe::<Json>(
            "chain_subscribeNewHeads",
            rpc_params![],
            "chain_unsubscribeNewHeads",
        )
        .await;
    assert!(another.is_err());
    drop(open);
    let rpc = connect(&chain).await;
    let storage = rpc
        .subscribe::<Json>(
            "state_subscribeStorage",
            rpc_params![keys],
            "state_unsubscribeStorage",
        )
        .await;
    assert!(storage.is_err());
}

#[tokio::test]
async fn storage_is_watched() {
    let (chain, client) = chain_and_client().await;
    let rpc = connect(&chain).await;
    // SubtensorModule.SubnetworkN of subnet 1.
    let key = "0x658faa385070e074c85bf6b568cf0555a1048e9d244171852dfe8db314dc68ca0100";
    let mut changes = rpc
        .subscribe::<Json>(
            "state_subscribeStorage",
            rpc_params![[key]],
            "state_unsubscribeStorage",
        )
        .await
        .unwrap();
    let first = changes.next().await.unwrap().unwrap();
    assert_eq!(first["changes"], json!([[key, "0x0100"]]));
    chain.advance(2).unwrap();
    with_neurons(&chain, &client, &[("Bob", 0)]).await;
    let second = changes.next().await.unwrap().unwrap();
    assert_eq!(second["changes"], json!([[key, "0x0200"]]));
    let at = format!("0x{}", hex::encode(chain.head().hash));
    assert_eq!(second["block"], json!(at));
    let asked = ask(&rpc, "state_queryStorageAt", rpc_params![[key], at]).await;
    assert_eq!(asked[0]["changes"], second["changes"]);
}
