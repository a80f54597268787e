//! A chain kept in a file.

use host::devchain::{DevChain, Options, Spec};

use super::client::{Client, key};
use super::{chain, with_neurons};

async fn kept(file: &std::path::Path) -> DevChain {
    chain(|options: &mut Options| options.state = Some(file.to_owned())).await
}

#[tokio::test]
async fn a_kept_chain_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain");
    let first = kept(&file).await;
    let client = Client::connect(&first.url()).await;
    with_neurons(&first, &client, &[("Bob", 7)]).await;
    first.advance(3).unwrap();
    first.go_back(4);
    first.upgrade(Spec::V393).unwrap();
    first.advance(1).unwrap();
    let (genesis, head) = (first.genesis(), first.head());
    let stake = client.free(key("Bob").public()).await;
    first.stop().await;
    drop(client);
    let second = kept(&file).await;
    assert_eq!((second.genesis(), second.head()), (genesis, head));
    assert_eq!(second.spec(), Spec::V393);
    let client = Client::connect(&second.url()).await;
    assert_eq!(client.get::<u16, _>("SubnetworkN", (1_u16,)).await, 2);
    assert_eq!(client.free(key("Bob").public()).await, stake);
    with_neurons(&second, &client, &[("Charlie", 0)]).await;
    assert_eq!(second.head().number, head.number + 1);
}

#[tokio::test]
async fn a_chain_that_was_killed_keeps_every_whole_block() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain");
    let first = kept(&file).await;
    let third = first.advance(3).unwrap();
    let whole = std::fs::metadata(&file).unwrap().len();
    first.advance(1).unwrap();
    drop(first);
    let copy = folder.path().join("copy");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&copy, &bytes[..usize::try_from(whole).unwrap() + 9]).unwrap();
    let second = kept(&copy).await;
    assert_eq!(second.head(), third);
    assert_eq!(second.advance(1).unwrap().number, 4);
}

#[tokio::test]
async fn one_file_keeps_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chain");
    let _first = kept(&file).await;
    let options = Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        state: Some(file),
        ..Options::default()
    };
    let refused = host::devchain::start(options).await.err().unwrap();
    assert!(refused.to_string().contains("--state"), "{refused}");
}
