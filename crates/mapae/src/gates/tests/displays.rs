//! What stands before people at a door: the display's page and the lamp's line, both told by the controller alone.

use gate::decision::Input;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::gates::controller::{display, wire};

/// A controller of a folder with its lines served; where readers and displays connect.
async fn served(folder: &Folder) -> (Arc<Controller>, String, String) {
    let controller = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    let lines = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let pages = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (at, shown_at) = (lines.local_addr().unwrap().to_string(), pages.local_addr().unwrap().to_string());
    tokio::spawn(wire::serve(Arc::clone(&controller), lines));
    tokio::spawn(display::serve(Arc::clone(&controller), pages));
    (controller, at, shown_at)
}

struct Watched(BufReader<TcpStream>);

impl Watched {
    async fn open(at: &str, door: GateRef) -> Self {
        let mut line = Self(BufReader::new(TcpStream::connect(at).await.unwrap()));
        line.say(&format!("door {}", String::from(door))).await;
        assert_eq!(line.hear().await, "ok");
        line
    }

    async fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(format!("{text}\n").as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }

    /// The next line that says this.
    async fn until(&mut self, says: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..100 {
            let line = serde_json::from_str(&self.hear().await).unwrap();
            if says(&line) {
                return line;
            }
        }
        panic!("it was not said");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lamp_and_a_display_are_told_what_was_decided_and_when_the_lock_falls_shut() {
    let town = Town::new(1).await;
    let (folder, door) = town.controller("front").await;
    let agency = town.agency().await;
    town.order(&format!("grant --zone hall --of-agency {agency}")).await;
    let id = folder.papers().unwrap().unwrap().0.controller;
    let name = String::from(door);
    town.order(&format!("door --controller {id} --zone hall --ko 정문 --en Gate --open-ms 500 --id {name}"))
        .await;
    let mut phone = town.phone(0).await;
    drop(town.running(&folder).await);
    let (controller, at, shown_at) = served(&folder).await;

    let mut lamp = Watched::open(&at, door).await;
    lamp.say("watch").await;
    assert_eq!(lamp.until(|_| true).await["unlocked"], false);
    let http = client::http().unwrap();
    let mut events = http.get(format!("http://{shown_at}/doors/{name}/events")).send().await.unwrap();
    assert_eq!(events.status(), 200);

    assert!(controller.tap(door, &mut phone).await.opened);
    let opened = lamp.until(|line| !line["decided"].is_null()).await;
    assert_eq!((&opened["unlocked"], &opened["decided"]["opened"]), (&true.into(), &true.into()));
    lamp.until(|line| line["unlocked"] == false).await;

    let mut text = String::new();
    while !text.contains("\"decided\":{") {
        text.push_str(&String::from_utf8_lossy(&events.chunk().await.unwrap().unwrap()));
    }
    let shown = text.lines().find(|line| line.contains("\"decided\":{")).unwrap();
    let shown: Value = serde_json::from_str(shown.strip_prefix("data:").unwrap().trim()).unwrap();
    assert_eq!((&shown["door"]["ko"], &shown["freshness"]), (&"정문".into(), &"fresh".into()));
    assert_eq!(shown["decided"]["code"], "granted");

    // Refused and alarmed: each with its reason; nothing of the person.
    phone.evidence.unlocked = false;
    controller.tap(door, &mut phone).await;
    let refused = lamp.until(|line| !line["decided"].is_null()).await;
    assert_eq!((&refused["unlocked"], &refused["decided"]["code"]), (&false.into(), &"phone_locked".into()));
    controller.input(door, Input::Leaf { open: true });
    assert_eq!(lamp.until(|line| !line["alarm"].is_null()).await["alarm"], "forced");
    assert!(!text.contains(&phone.badge) && !text.contains(&phone.account));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reader_tells_of_itself_is_in_the_log_and_other_words_are_not() {
    let town = Town::new(1).await;
    let (folder, door) = town.controller("front").await;
    drop(town.running(&folder).await);
    let (controller, at, shown_at) = served(&folder).await;
    let mut reader = Watched::open(&at, door).await;
    for (word, code) in [
        ("lost", "reader_lost"),
        ("back", "reader_back"),
        ("key", "reader_key_wrong"),
        ("default-key", "reader_default_key"),
        ("unproved", "card_unproved"),
    ] {
        reader.say(&format!("reader {word}")).await;
        assert_eq!(reader.hear().await, format!("{{\"noted\":\"{code}\"}}"));
    }
    reader.say("reader granted").await;
    assert_eq!(reader.hear().await, "unknown");
    reader.say(&format!("reader {}", "x".repeat(5_000))).await;
    assert_eq!(reader.hear().await, "", "a line without an end is hung up on");
    let log = folder.read("passages.log").unwrap().unwrap();
    assert_eq!(log.lines().count(), 5);
    assert!(log.contains("\"reader_key_wrong\"") && !controller.unlocked(door));

    let http = client::http().unwrap();
    let status = |path: &str| http.get(format!("http://{shown_at}{path}")).send();
    let page = status("/").await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    for path in ["/doors/AAAAAAAAAAAAAAAAAAAAAA/events", "/doors/x/events", "/nothing"] {
        assert_eq!(status(path).await.unwrap().status(), 404, "{path}");
    }
    let doors: Value = status("/doors").await.unwrap().json().await.unwrap();
    assert_eq!(doors[0]["name"]["ko"], "정문");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_at_once_are_two_passages_and_a_third_is_a_tailgate() {
    let town = Town::new(2).await;
    let (folder, door) = town.controller("front").await;
    town.order(&format!("grant --zone hall --of-agency {}", town.agency().await)).await;
    let (mut one, mut other) = (town.phone(0).await, town.phone(1).await);
    drop(town.running(&folder).await);
    let controller = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    let (first, second) = tokio::join!(controller.tap(door, &mut one), controller.tap(door, &mut other));
    assert!(first.opened && second.opened, "{first:?} {second:?}");
    assert!(controller.input(door, Input::Crossed).is_empty());
    assert!(controller.input(door, Input::Crossed).is_empty());
    let alarms: Vec<&str> = controller.input(door, Input::Crossed).iter().map(|alarm| alarm.code()).collect();
    assert_eq!(alarms, ["tailgate"]);
    let log = folder.read("passages.log").unwrap().unwrap();
    let codes: Vec<&str> = ["granted", "tailgate"].into_iter().filter(|code| log.contains(code)).collect();
    assert_eq!((codes.len(), log.lines().count()), (2, 3));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_stays_on_the_display_until_it_is_over() {
    struct Unplugged(TestPhone);
    impl Carrier for Unplugged {
        async fn transmit(&mut self, command: &[u8]) -> std::io::Result<Vec<u8>> {
            // SELECT and AUTH0 went through, then the cable was pulled.
            match command.get(1) {
                Some(0xa4 | 0x80) => self.0.transmit(command).await,
                _ => Err(std::io::ErrorKind::BrokenPipe.into()),
            }
        }
    }
    let town = Town::new(1).await;
    let (folder, door) = town.controller("front").await;
    town.order(&format!("grant --zone hall --of-agency {}", town.agency().await)).await;
    let phone = town.phone(0).await;
    drop(town.running(&folder).await);
    let (controller, at, _) = served(&folder).await;
    let trouble = || controller.view(door, None).unwrap()["trouble"]["code"].clone();

    let shown = controller.tap(door, &mut Unplugged(phone)).await;
    assert_eq!((shown.opened, shown.code), (false, "card_malformed"));
    let mut reader = Watched::open(&at, door).await;
    reader.say("reader lost").await;
    assert_eq!(reader.hear().await, json_noted("reader_lost"));
    assert_eq!(trouble(), "reader_lost");
    controller.input(door, Input::Leaf { open: true });
    assert_eq!(trouble(), "forced", "the door before its reader");
    controller.input(door, Input::Leaf { open: false });
    assert_eq!(trouble(), "reader_lost");
    reader.say("reader back").await;
    assert_eq!(reader.hear().await, json_noted("reader_back"));
    assert!(trouble().is_null());
    let log = folder.read("passages.log").unwrap().unwrap();
    for code in ["card_malformed", "reader_lost", "forced", "reader_back"] {
        assert!(log.contains(&format!("\"code\":\"{code}\"")), "{code} is in the log: {log}");
    }
    town.close().await;
}

fn json_noted(code: &str) -> String {
    serde_json::json!({ "noted": code }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_is_said_at_the_door_and_in_the_log() {
    #[derive(Debug)]
    struct Back;
    impl Clock for Back {
        fn now_ms(&self) -> i64 {
            SystemClock.now_ms() - 3_600_000
        }
    }
    let town = Town::new(1).await;
    let (folder, door) = town.controller("front").await;
    town.order(&format!("grant --zone hall --of-agency {}", town.agency().await)).await;
    let mut phone = town.phone(0).await;
    drop(town.running(&folder).await);
    let controller = Controller::open(folder.clone(), Arc::new(Back)).unwrap();
    let shown = controller.tap(door, &mut phone).await;
    assert_eq!((shown.opened, shown.code), (false, "time_untrusted"));
    assert_eq!(controller.view(door, None).unwrap()["time_trusted"], false);
    assert!(!controller.stands().time_trusted);
    assert!(folder.read("passages.log").unwrap().unwrap().contains("\"code\":\"time_untrusted\""));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_without_a_gate_takes_a_code_once_and_knows_no_name() {
    let town = Town::new(1).await;
    let (folder, door) = town.controller("front").await;
    town.order(&format!("grant --zone hall --of-agency {}", town.agency().await)).await;
    let phone = town.phone(0).await;
    drop(town.running(&folder).await);
    // The platform is away from here on: the desk goes on with what lies on its disk.
    let (_, _, shown_at) = served(&folder).await;
    let http = client::http().unwrap();
    let page = http.get(format!("http://{shown_at}/kiosk")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let code = phone.code();
    let show = async |door: &str| {
        let url = format!("http://{shown_at}/doors/{door}/code");
        http.post(url).body(code.clone()).send().await.unwrap()
    };
    let name = String::from(door);
    let first: Value = show(&name).await.json().await.unwrap();
    assert_eq!((&first["opened"], &first["code"]), (&true.into(), &"granted".into()));
    let second: Value = show(&name).await.json().await.unwrap();
    assert_eq!((&second["opened"], &second["code"]), (&false.into(), &"qr_used".into()));
    assert_eq!(show(&String::from(GateRef([0; 16]))).await.status(), 404);
    assert_eq!(show("nowhere").await.status(), 404);
    let long = http.post(format!("http://{shown_at}/doors/{name}/code")).body("x".repeat(5_000));
    assert_eq!(long.send().await.unwrap().status(), 413);
    // What it keeps is the passage, by the reference that gates know.
    let log = folder.read("passages.log").unwrap().unwrap();
    assert_eq!((log.lines().count(), log.contains("\"way\":\"code\"")), (2, true));
    assert!(!log.contains(&phone.badge) && !log.contains(&phone.account));
    town.close().await;
}
