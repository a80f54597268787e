//! Stake that is taken back or moved.

use super::client::key;
use super::{chain_and_client, refused, told, with_neurons};

/// One TAO in rao.
const TAO: u64 = 1_000_000_000;

#[tokio::test]
async fn what_was_staked_comes_back_to_the_coldkey() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 10)]).await;
    let bob = key("Bob").public();
    let before = client.free(bob).await;
    let remove = |rao: u64| client.run(&chain, "Bob", "remove_stake", (bob, 1_u16, rao));
    told(remove(4 * TAO).await, "SubtensorModule.StakeRemoved");
    assert_eq!(client.free(bob).await - before, 4 * TAO);
    let pool: u64 = client.get("TotalHotkeyAlpha", (bob, 1_u16)).await;
    assert_eq!(pool, 6 * TAO);
    refused(remove(1).await, "AmountTooLow");
    let limited = |price: u64| {
        let args = (bob, 1_u16, TAO, price, false);
        client.run(&chain, "Bob", "remove_stake_limit", args)
    };
    refused(limited(TAO + 1).await, "SlippageTooHigh");
    limited(TAO).await.unwrap();
    let all = client.run(&chain, "Bob", "unstake_all", (bob,));
    all.await.unwrap();
    assert_eq!(client.free(bob).await - before, 10 * TAO);
    refused(remove(TAO).await, "AmountTooLow");
}

#[tokio::test]
async fn stake_moves_between_hotkeys_and_subnets_and_people() {
    let (chain, client) = chain_and_client().await;
    with_neurons(&chain, &client, &[("Bob", 10), ("Charlie", 0)]).await;
    let (bob, charlie, eve) = (
        key("Bob").public(),
        key("Charlie").public(),
        key("Eve").public(),
    );
    let pool = |hotkey: [u8; 32], netuid: u16| {
        let keys = (hotkey, netuid);
        client.get::<u64, _>("TotalHotkeyAlpha", keys)
    };
    let args = (bob, charlie, 1_u16, 1_u16, 3 * TAO);
    let moved = client.run(&chain, "Bob", "move_stake", args);
    told(moved.await, "SubtensorModule.StakeMoved");
    assert_eq!(pool(charlie, 1).await, 3 * TAO);
    let args = (bob, 1_u16, 0_u16, 2 * TAO);
    let swapped = client.run(&chain, "Bob", "swap_stake", args);
    told(swapped.await, "SubtensorModule.StakeSwapped");
    assert_eq!(pool(bob, 0).await, 2 * TAO);
    let args = (eve, bob, 1_u16, 1_u16, TAO);
    let given = client.run(&chain, "Bob", "transfer_stake", args);
    told(given.await, "SubtensorModule.StakeTransferred");
    let before = client.free(eve).await;
    let taken = client.run(&chain, "Eve", "remove_stake", (bob, 1_u16, TAO));
    taken.await.unwrap();
    assert_eq!(client.free(eve).await - before, TAO);
    let args = (bob, 1_u16, 1_u16, TAO);
    let nowhere = client.run(&chain, "Bob", "swap_stake", args);
    refused(nowhere.await, "SameNetuid");
    let args = (bob, 1_u16, 0_u16, 100 * TAO);
    let too_much = client.run(&chain, "Bob", "swap_stake", args);
    refused(too_much.await, "NotEnoughStakeToWithdraw");
}
