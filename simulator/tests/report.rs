//! The page of a failing run, in a browser.

use std::{
    env, fs,
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

const BROWSERS: [&str; 2] = ["chromium", "chromium-browser"];
/// A browser that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("quorate-sim-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder in the one for them");
    folder
}

/// The browser, where there is one; a test without one is skipped, but not where all must run.
fn browser() -> Option<&'static str> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let is_there =
        |name: &&&str| env::split_paths(&folders).any(|folder| folder.join(name).exists());
    let found = BROWSERS.iter().find(is_there).copied();
    if found.is_none() {
        println!("skipped: needs chromium (apt install chromium)");
        assert!(env::var_os("QUORATE_CI").is_none(), "needs chromium (apt install chromium)");
    }
    found
}

/// The page of a stale read: clocks drift, and no node reckons with it.
fn page_of_a_failure(folder: &Path) -> PathBuf {
    let sim = |arguments: &[&str]| {
        let command = Command::new(env!("CARGO_BIN_EXE_quorate-sim")).args(arguments).output();
        command.expect("the command runs")
    };
    let plan = sim(&["plan", "--seed", "292", "--profile", "leases", "--toml"]);
    let plan = String::from_utf8(plan.stdout).expect("text");
    let from = plan.lines().find(|line| line.starts_with("max-clock-drift-ppm")).expect("it");
    let (case, page) = (folder.join("case.toml"), folder.join("page.html"));
    fs::write(&case, plan.replacen(from, "max-clock-drift-ppm = 0", 1)).expect("a file");
    let (case, target) = (case.display().to_string(), page.display().to_string());
    let replayed = sim(&["replay", &case, "--html", &target]);
    assert_eq!(replayed.status.code(), Some(2), "{}", String::from_utf8_lossy(&replayed.stderr));
    page
}

/// What the page has become once its scripts have run.
fn dom(browser: &str, folder: &Path, page: &Path, fragment: &str) -> String {
    let out = folder.join("dom.html");
    let mut child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--window-size=1400,900", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}{fragment}", page.display()))
        .stdout(Stdio::from(File::create(&out).expect("a file")))
        .stderr(Stdio::null())
        .spawn()
        .expect("the browser starts");
    let began = Instant::now();
    while child.try_wait().expect("a child").is_none() {
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("the browser hangs");
        }
        thread::sleep(Duration::from_millis(50));
    }
    fs::read_to_string(&out).expect("the browser wrote its page")
}

/// What the page found of itself.
fn selftest(dom: &str) -> Value {
    let (_, text) = dom.split_once("<pre id=\"selftest\">").expect("the page tried itself");
    let (text, _) = text.split_once("</pre>").expect("to the end");
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn a_browser_shows_lanes_messages_and_the_way_to_the_violation() {
    let Some(browser) = browser() else { return };
    let folder = folder("page");
    let page = page_of_a_failure(&folder);
    let found = selftest(&dom(browser, &folder, &page, "#selftest"));
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("a number: {value}"));
    let lanes: Vec<&str> =
        found["lanes"].as_array().expect("lanes").iter().filter_map(Value::as_str).collect();
    for node in 0..5 {
        assert!(lanes.contains(&format!("node {node}").as_str()), "{lanes:?}");
    }
    assert!(lanes.contains(&"client 0"));
    let sentence = found["sentence"].as_str().expect("a sentence");
    assert!(sentence.starts_with("Node ") && sentence.contains(" had committed "), "{sentence}");
    assert!(
        found["meaning"]
            .as_str()
            .is_some_and(|text| text.contains("No read is answered under a lease"))
    );
    let seen = &found["seen"];
    for (what, least) in [("arrows", 500), ("crosses", 20), ("disks", 50), ("faults", 20)] {
        assert!(number(&seen[what]) >= least, "{what}: {seen}");
    }
    for role in ["follower", "candidate", "leader"] {
        assert!(seen["bands"].as_array().expect("bands").contains(&role.into()), "{seen}");
    }
    let story: Vec<&str> =
        found["story"].as_array().expect("a story").iter().filter_map(Value::as_str).collect();
    assert!(story.iter().any(|step| step.contains("Drift")), "{story:?}");
    assert!(story.last().is_some_and(|step| step.contains("VIOLATION lease-read")), "{story:?}");
    let at = &found["atViolation"];
    assert!(number(&at["messages"]) > 2 && number(&at["links"]) > 2 && at["line"] == 1, "{at}");
    // A long run is drawn in parts.
    assert!(number(&seen["drawn"]) < 8_000, "{seen}");
}

#[test]
fn keys_step_through_a_run() {
    let Some(browser) = browser() else { return };
    let folder = folder("keys");
    let page = page_of_a_failure(&folder);
    let found = selftest(&dom(browser, &folder, &page, "#selftest"));
    let number = |name: &str| found[name].as_u64().unwrap_or_else(|| panic!("{name}: {found}"));
    assert_eq!((number("start"), number("jump")), (number("violation"), number("violation")));
    assert_eq!((number("home"), number("end")), (0, number("records") - 1));
    let steps: Vec<u64> =
        found["steps"].as_array().expect("steps").iter().filter_map(Value::as_u64).collect();
    assert!(0 < steps[0] && steps[0] < steps[1] && steps[1] < steps[2], "forward: {steps:?}");
    assert_eq!((steps[3], steps[4]), (steps[1], steps[0]), "and back");
    assert_eq!(found["faultKind"], "fault");
    assert!(number("fault") < number("backFromFault"));
    // The first may be where the cursor is already.
    assert!((1..=2).contains(&number("causeStep")), "c goes to the next step of the path");
    assert!(number("cause") > number("home"));
    let heartbeats = &found["heartbeats"];
    assert!(heartbeats["with"].as_u64() > heartbeats["without"].as_u64(), "{heartbeats}");
    assert!(found["zoom"]["after"].as_u64() > found["zoom"]["before"].as_u64());
}

#[test]
fn the_page_cannot_reach_a_network() {
    let Some(browser) = browser() else { return };
    let folder = folder("network");
    let page = fs::read_to_string(page_of_a_failure(&folder)).expect("a page");
    assert!(!page.contains("://"), "no address");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let requests = Arc::new(AtomicU64::new(0));
    let counter = requests.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            counter.fetch_add(1, Ordering::Relaxed);
            drop(stream);
        }
    });
    let script = format!(
        "<script>fetch('http://127.0.0.1:{port}/a').catch(() => 0); \
         new Image().src = 'http://127.0.0.1:{port}/b';</script></body>"
    );
    let eager = page.replacen("</body>", &script, 1);
    let is_asked = |text: &str, name: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file");
        dom(browser, &folder, &path, "");
        requests.load(Ordering::Relaxed) > 0
    };
    assert!(!is_asked(&eager, "eager.html"), "the page's policy lets nothing through");
    let open = eager.replacen("Content-Security-Policy", "None", 1);
    assert!(is_asked(&open, "open.html"), "without it this test would see a request");
}
