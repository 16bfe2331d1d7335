//! One of several workers leads at a time; when it dies, the next one takes over, and everybody else
//! learns of it.

use std::time::Duration;

use embedded::{Done, Folder, three_nodes};
use quorate::prelude::*;

const TEAM: &str = "teams/cleaners";

#[tokio::main]
async fn main() -> Done {
    let folder = Folder::new("leader-election");
    let engines = three_nodes(&folder).await?;
    for engine in &engines {
        engine.wait_ready(Duration::from_secs(30)).await?;
    }
    let [one, two, three] = [engines[0].client(), engines[1].client(), engines[2].client()];

    // An observer at the third node.
    let mut leaders = three.observe(TEAM);
    assert_eq!(leaders.next().await?, None, "nobody leads yet");

    let lease = one.hold_lease(Duration::from_secs(2)).await?;
    let first = one.campaign(TEAM, "worker one", lease.id()).await?;
    let seen = leaders.next().await?.ok_or("one leads")?;
    assert_eq!((seen.value.as_ref(), seen.create_revision), (&b"worker one"[..], first.token));

    // The second one stands in line until the first one is gone, however long that takes.
    let campaign = tokio::spawn(async move {
        let lease = two.hold_lease(Duration::from_secs(2)).await?;
        let won = two.campaign(TEAM, "worker two", lease.id()).await?;
        Done::Ok((won, lease))
    });
    // The first one dies: nobody keeps its lease alive any more.
    drop(lease);
    let (second, _lease) = campaign.await??;
    assert!(second.token > first.token, "what the first one still does can be told apart");
    assert!(!one.proclaim(&first, "still here").await?, "it leads no more");
    let seen = loop {
        if let Some(leader) = leaders.next().await?
            && leader.value == "worker two"
        {
            break leader;
        }
    };

    for engine in &engines {
        engine.stop().await?;
    }
    println!("leader-election: ok: {} took over", String::from_utf8_lossy(&seen.value));
    Ok(())
}
