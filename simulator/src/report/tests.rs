use super::*;
use crate::{
    oracle::Violation,
    profile::{Profile, SECOND},
    run::{Options, replay},
    trace::{Record, What},
    world::Recipe,
};

fn played() -> (Case, Played) {
    let recipe = Recipe { profile: Profile::Calm, nodes: Some(3), time: SECOND, ..Recipe::new(3) };
    let case = Case::new(recipe);
    let played = replay(&case, Options { trace: true, ..Options::default() });
    (case, played)
}

/// The data that a page carries, as a browser reads it.
fn data_of(page: &str) -> serde_json::Value {
    let (_, data) = page.split_once("id=\"data\">").expect("data");
    let (data, _) = data.split_once("</script>").expect("its end");
    serde_json::from_str(data).expect("it is JSON")
}

#[test]
fn a_page_fetches_nothing_and_holds_no_address() {
    let (case, played) = played();
    let page = html(&case, &played, "seed 3", "quorate-sim run --seeds 3");
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("://"));
    let code = PAGE.to_owned() + STYLE + &SCRIPTS.concat();
    for banned in ["http:", "https:", "src=", "href=", "@import", "fetch(", "XMLHttp"] {
        assert!(!code.contains(banned), "{banned}");
    }
    assert_eq!(code.matches("url(").count(), code.matches("url(#").count(), "within the page");
    assert!(!page.contains("{{"), "a placeholder is left");
}

#[test]
fn what_data_holds_cannot_leave_its_place() {
    let (case, mut played) = played();
    let evil = "</script><script>alert(1)</script><!-- {{style}}";
    let what = What::Note { text: evil.to_owned() };
    let id = played.trace.len() as u64;
    let record = Record { id, at: 0, event: 0, cause: None, with: Vec::new(), what };
    played.trace.push(record);
    played.violation = Some(Violation::Panicked { message: evil.to_owned() });
    let page = html(&case, &played, evil, evil);
    assert_eq!(page.matches("</script>").count(), 2, "of the data and of the code");
    let data = data_of(&page);
    assert_eq!(data["command"], evil);
    assert_eq!(data["records"].as_array().expect("records").last().expect("one")["text"], evil);
    assert_eq!(data["verdict"]["meaning"], "Nothing panics.");
}

#[test]
fn of_a_long_run_the_end_is_shown_and_what_is_left_out_is_said() {
    let (case, mut played) = played();
    let (many, whole) = (played.trace.clone(), played.trace.len());
    while played.trace.len() < RECORDS_MAX + whole {
        let id = played.trace.len() as u64;
        let last = many.last().expect("records").clone();
        played.trace.push(Record { id, cause: None, with: Vec::new(), ..last });
    }
    let data = data_of(&html(&case, &played, "seed 3", ""));
    assert_eq!(data["records"].as_array().map(Vec::len), Some(RECORDS_MAX));
    assert_eq!(data["leftOut"], whole);
    assert_eq!(data["records"][0]["id"], whole);
    let state = &data["before"]["states"]["0"];
    assert!(state["term"].as_u64().is_some_and(|term| term > 0), "{state}");
}

#[test]
fn heartbeats_and_refusals_are_told_from_the_rest() {
    let (case, played) = played();
    let data = data_of(&html(&case, &played, "seed 3", ""));
    let records = data["records"].as_array().expect("records");
    let quiet = |record: &&serde_json::Value| record["quiet"] == true;
    let count = records.iter().filter(quiet).count();
    assert!(count > 10 && count < records.len(), "{count} of {}", records.len());
    let of = |record: &serde_json::Value| {
        let body = record["message"]["body"].as_str().unwrap_or_default().to_owned();
        let kind = record["kind"].as_str().unwrap_or_default();
        let is_of_client = ["ask", "request", "propose", "answer"].contains(&kind);
        kind == "timer"
            || is_of_client
            || ["append-request", "append-answer"].contains(&body.as_str())
    };
    assert!(records.iter().filter(quiet).all(of));
}
