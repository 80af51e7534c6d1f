//! The gates' desk as a security officer uses it, and as others try to.

use gate::feed::{Name, Passback, Schedule, Tier, Zone};
use http::StatusCode;

use super::super::badge::give_pass;
use super::setup;
use crate::application::tests::doors::{Visit, csrf_of, form, get, send, sign_in};
use crate::application::tests::{AUDITOR, HR_ONE, OFFICIAL, SECURITY, STRANGER, Town, town};
use crate::lifecycle::tests::badge;
use crate::operations::store::{StoreError, params};
use crate::personnel::demo_data;

struct Desk<'t> {
    town: &'t Town,
    session: String,
    csrf: String,
}

impl<'t> Desk<'t> {
    async fn of(town: &'t Town, n: u64) -> Self {
        let session = sign_in(town, true, &format!("person{n}")).await;
        let csrf = csrf_of(&send(town, true, get("/", &session)).await.body);
        Self { town, session, csrf }
    }

    async fn read(&self, path: &str) -> Visit {
        send(self.town, true, get(path, &self.session)).await
    }

    async fn post(&self, path: &str, body: &str) -> Visit {
        send(self.town, true, form(path, &self.session, &format!("csrf={}&{body}", self.csrf))).await
    }
}

/// A zone of the security officer's agency and one of a stranger's; a schedule.
async fn zones(town: &Town) {
    for (id, n) in [("hall", SECURITY), ("elsewhere", STRANGER)] {
        let agency = demo_data::person(n).agency;
        let zone = Zone {
            id: id.to_owned(),
            name: Name { ko: format!("예시 {id}"), en: id.to_owned() },
            tier: Tier::Ordinary,
            passback: Passback::Off,
            unlocked_within_s: None,
            tap_within_ms: None,
        };
        put(town, agency, zone).await;
    }
}

async fn put(town: &Town, agency: &str, zone: Zone) {
    let agency = agency.to_owned();
    town.store
        .write::<_, setup::SetupError, _>(move |tx| {
            let (agency, zone) = (agency.clone(), zone.clone());
            Box::pin(async move {
                setup::put_zone(tx, &agency, &zone).await?;
                let hours = vec![gate::feed::Span { from: 480, to: 1_080 }];
                let week = core::array::from_fn(|day| if day < 5 { hours.clone() } else { Vec::new() });
                let on_holiday = gate::feed::OnHoliday::Shut;
                setup::put_schedule(tx, &Schedule { id: "office".to_owned(), week, on_holiday }).await
            })
        })
        .await
        .unwrap();
}

async fn in_force(town: &Town) -> i64 {
    let sql = "SELECT COUNT(*) AS n FROM gate_grant WHERE ended_at IS NULL";
    town.store.fetch_one(sql, params![]).await.unwrap().int("n").unwrap()
}

fn urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn a_grant_is_given_explained_and_taken_back() {
    let town = town().await;
    zones(&town).await;
    let security = Desk::of(&town, SECURITY).await;
    let person = demo_data::person(OFFICIAL);
    let question =
        format!("/gates?zone=hall&agency={}&number={}&at=2026-12-01T10:00", person.agency, person.number);

    // Without a phone that ever asked for a pass there is nothing to explain; the page says what to do.
    let early = security.read(&question).await;
    assert_eq!(early.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(early.body.contains("출입증을 받은 휴대전화가 없습니다"), "{}", early.body);
    let employee = town.id(OFFICIAL).await;
    let badge = badge(&town, &employee).await;
    town.store
        .write::<_, StoreError, _>(move |tx| {
            let id = badge.id.clone();
            Box::pin(async move {
                tx.execute("UPDATE badge SET account_id = 'a' WHERE id = $1", params![id]).await
            })
        })
        .await
        .unwrap();
    give_pass(&town, "a", keys::SecretKey::generate().public_key().clone()).await.unwrap();
    assert!(security.read(&question).await.body.contains("<code class=\"small\">no_grant</code>"));

    let asked = format!(
        "zone=hall&kind=person&agency={}&number={}&from=&until=2026-12-01T18:00&schedule=office&escort=none",
        person.agency, person.number
    );
    assert_eq!(security.post("/gates/grants", &asked).await.status, StatusCode::SEE_OTHER);
    assert!(security.read(&question).await.body.contains("<code class=\"small\">granted</code>"));
    let at_night = question.replace("T10:00", "T17:59");
    assert!(security.read(&at_night).await.body.contains("granted"));
    let later = question.replace("12-01T10:00", "12-02T10:00");
    assert!(security.read(&later).await.body.contains("<code class=\"small\">grant_over</code>"));

    let page = security.read("/gates").await.body;
    assert!(page.contains(&person.number), "whom it is for stands in the table");
    let id = page.split("/gates/grants/").find_map(|part| part.split_once("/end\"")).unwrap().0.to_owned();
    assert_eq!(security.post(&format!("/gates/grants/{id}/end"), "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(in_force(&town).await, 0);
    let told = "SELECT COUNT(*) AS n FROM gate_feed WHERE record LIKE '%grant_ended%'";
    assert_eq!(town.store.fetch_one(told, params![]).await.unwrap().int("n").unwrap(), 1);
}

#[tokio::test]
async fn a_file_with_one_wrong_line_changes_nothing_and_names_the_line() {
    let town = town().await;
    zones(&town).await;
    let security = Desk::of(&town, SECURITY).await;
    let agency = demo_data::person(SECURITY).agency;
    let good = format!(
        "# 예시\nhall,agency,{agency}\nhall,under,{agency},,2026-12-01T09:00,2026-12-01T18:00,office,needed\n"
    );
    for (wrong, says) in [
        (format!("{good}hall,agency,0000000"), "3번째 줄"),
        (format!("{good}elsewhere,agency,{agency}"), "3번째 줄"),
        (format!("{good}hall,everybody,{agency}"), "3번째 줄"),
        (format!("hall,agency,{agency},,2026-12-02T09:00,2026-12-01T09:00"), "시작이 끝보다"),
        (format!("hall,agency,{agency},,tomorrow"), "1번째 줄"),
        (format!("hall,agency,{agency},,,,nights"), "시간표"),
        (format!("hall,agency,{agency}\n").repeat(501), "500줄"),
        (String::new(), "읽을 수 없는"),
    ] {
        let visit = security.post("/gates/grants/file", &format!("lines={}", urlencoded(&wrong))).await;
        assert_eq!(visit.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {}", visit.body);
        assert!(visit.body.contains(says), "{wrong}");
        assert_eq!(in_force(&town).await, 0, "{wrong}");
    }
    let visit = security.post("/gates/grants/file", &format!("lines={}", urlencoded(&good))).await;
    assert_eq!(visit.status, StatusCode::SEE_OTHER, "{}", visit.body);
    assert_eq!(in_force(&town).await, 2);
}

#[tokio::test]
async fn nobody_decides_over_zones_of_others_or_without_the_duty() {
    let town = town().await;
    zones(&town).await;
    let security = Desk::of(&town, SECURITY).await;
    let auditor = Desk::of(&town, AUDITOR).await;
    let agency = demo_data::person(SECURITY).agency;
    let page = security.read("/gates").await.body;
    assert!(page.contains("예시 hall") && !page.contains("예시 elsewhere"));
    let asked = |zone: &str| format!("zone={zone}&kind=agency&agency={agency}");
    assert_eq!(security.post("/gates/grants", &asked("elsewhere")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(security.post("/gates/grants", &asked("hall")).await.status, StatusCode::SEE_OTHER);
    let page = auditor.read("/gates").await.body;
    assert!(page.contains("예시 hall") && !page.contains("<form method=\"post\" action=\"/gates"));
    assert_eq!(auditor.post("/gates/grants", &asked("hall")).await.status, StatusCode::FORBIDDEN);
    let id = "SELECT id FROM gate_grant";
    let id = town.store.fetch_one(id, params![]).await.unwrap().text("id").unwrap();
    let end = format!("/gates/grants/{id}/end");
    assert_eq!(auditor.post(&end, "").await.status, StatusCode::FORBIDDEN);
    let without = send(&town, true, form(&end, &security.session, "csrf=another")).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    assert_eq!(in_force(&town).await, 1);
    // Twice at once takes it back once, and both are told that it is gone.
    let (one, other) = tokio::join!(security.post(&end, ""), security.post(&end, ""));
    assert_eq!((one.status, other.status), (StatusCode::SEE_OTHER, StatusCode::SEE_OTHER));
    let ended = "SELECT COUNT(*) AS n FROM gate_feed WHERE record LIKE '%grant_ended%'";
    assert_eq!(town.store.fetch_one(ended, params![]).await.unwrap().int("n").unwrap(), 1);
}

#[tokio::test]
async fn a_file_is_looked_at_line_by_line_before_it_counts_and_comes_out_as_it_went_in() {
    let town = town().await;
    zones(&town).await;
    let security = Desk::of(&town, SECURITY).await;
    let agency = demo_data::person(SECURITY).agency;
    let file = |go: &str, lines: &str| format!("go={go}&lines={}", urlencoded(lines));
    let wrong = format!("hall,agency,{agency}\nnowhere,agency,{agency}\nhall,agency,{agency},,,,nights\n");
    let looked = security.post("/gates/grants/file", &file("check", &wrong)).await;
    assert_eq!(looked.status, StatusCode::OK);
    assert!(looked.body.contains("틀린 줄이 2개") && looked.body.contains("그런 시간표가 없습니다"));
    assert!(looked.body.contains(&format!("<code class=\"small\">nowhere,agency,{agency}</code>")));
    let refused = security.post("/gates/grants/file", &file("give", &wrong)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("2번째 줄") && refused.body.contains("틀린 줄이 2개"));

    let right = format!(
        "hall,agency,{agency},,,,,none\r\nhall,under,{agency},,2026-12-01T09:00,2026-12-01T18:00,office,needed\r\n"
    );
    let looked = security.post("/gates/grants/file", &file("check", &right)).await;
    assert!(looked.body.contains("2줄이 모두 맞습니다"), "{}", looked.body);
    assert_eq!(in_force(&town).await, 0, "looking gives nothing");
    assert_eq!(
        security.post("/gates/grants/file", &file("give", &right)).await.status,
        StatusCode::SEE_OTHER
    );
    let out = security.read("/gates/grants.csv").await;
    let mut lines: Vec<&str> = out.body.lines().filter(|line| !line.starts_with('#')).collect();
    lines.sort_unstable();
    let mut given: Vec<&str> = right.lines().collect();
    given.sort_unstable();
    assert_eq!(lines, given);
    let noted = "SELECT COUNT(*) AS n FROM gate_grant WHERE given_by IS NOT NULL";
    assert_eq!(town.store.fetch_one(noted, params![]).await.unwrap().int("n").unwrap(), 2);
    let hr = Desk::of(&town, HR_ONE).await;
    assert_eq!(hr.read("/gates/grants.csv").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_visit_has_an_end_and_says_who_invited() {
    let town = town().await;
    zones(&town).await;
    let security = Desk::of(&town, SECURITY).await;
    let person = demo_data::person(OFFICIAL);
    let asked = format!("zone=hall&kind=person&visit=1&agency={}&number={}", person.agency, person.number);
    let endless = security.post("/gates/grants", &asked).await;
    assert_eq!((endless.status, in_force(&town).await), (StatusCode::UNPROCESSABLE_ENTITY, 0));
    let ends = format!("{asked}&until=2026-12-01T18:00&escort=needed");
    assert_eq!(security.post("/gates/grants", &ends).await.status, StatusCode::SEE_OTHER);
    let host = crate::personnel::employee(&town, &town.id(SECURITY).await).await.unwrap().unwrap();
    assert!(
        security
            .read("/gates")
            .await
            .body
            .contains(&format!("<td data-label=\"허가한 사람\">{}", host.name.ko))
    );
}

#[tokio::test]
async fn the_state_of_doors_is_shown_while_it_is_known_and_the_page_can_be_held() {
    let town = town().await;
    zones(&town).await;
    let agency = demo_data::person(SECURITY).agency;
    let told_at = town.now_ms();
    let standing = serde_json::json!({
        "age_ms": 4_000, "time_trusted": true, "waiting": 3,
        "order": { "id": "2026-1", "drill": true, "until": told_at + 3_600_000 },
        "doors": [{ "door": String::from(gate::pass::GateRef([9; 16])), "unlocked": false, "open": true, "trouble": "held_too_long" }],
    });
    let door = gate::feed::Door {
        id: gate::pass::GateRef([9; 16]),
        zone: "hall".to_owned(),
        direction: gate::feed::Direction::In,
        name: Name { ko: "예시 정문".to_owned(), en: "Front".to_owned() },
        without_power: gate::feed::WithoutPower::Locks,
        open_ms: 5_000,
        keeping: gate::feed::Keeping::Badge,
    };
    let (agency, text, door) =
        (agency.to_owned(), standing.to_string(), serde_json::to_string(&door).unwrap());
    town.store
        .write::<_, StoreError, _>(move |tx| {
            let (agency, text, door) = (agency.clone(), text.clone(), door.clone());
            Box::pin(async move {
                let sql = "INSERT INTO gate_controller (id, name, agency_code, group_id, enrolled_at, created_at, standing, standing_at) \
                           VALUES ('c1', '예시 제어기', $1, 'g1', $2, $2, $3, $2)";
                tx.execute(sql, params![agency, told_at, text]).await?;
                let sql = "INSERT INTO gate_door (id, controller_id, zone_id, door, updated_at) VALUES ('d1', 'c1', 'hall', $1, $2)";
                tx.execute(sql, params![door, told_at]).await
            })
        })
        .await
        .unwrap();
    let security = Desk::of(&town, SECURITY).await;
    let now = security.read("/gates/now").await;
    assert_eq!(now.headers["refresh"], "5");
    for says in ["문이 너무 오래 열려 있음", "서버 정보 4초 전", "훈련 중", "올리지 못한 기록 3줄", "연결됨"]
    {
        assert!(now.body.contains(says), "{says}: {}", now.body);
    }
    let held = security.read("/gates/now?hold=1").await;
    assert!(held.headers.get("refresh").is_none());
    // A minute without a word: nobody knows how the door stands, and nothing is claimed.
    town.clock.set_ms(told_at + 60_000);
    let later = Desk::of(&town, SECURITY).await.read("/gates/now").await.body;
    assert!(later.contains("알 수 없음") && later.contains("연결 끊김") && !later.contains("훈련 중"));
    assert!(later.contains("서버 정보 64초 전"), "{later}");
}
