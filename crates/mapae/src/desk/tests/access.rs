//! Who may open which door of the console: every route, tried by every duty and by another agency, against one table.
//!
//! The table is complete by construction: a route in the source that is not in it fails the test, and so does one in
//! `docs/console-access.md` that differs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::badges::locked_account;
use super::*;
use crate::application::tests::doors::bearer;
use crate::application::tests::{
    AUDITOR, HEAD, HR_ONE, OFFICIAL, OPERATOR, SECURITY, STRANGER, TOP_HEAD, town,
};
use crate::lifecycle::tests::badge;

/// Who tries, in the order of the letters below. `other` is an HR manager of another agency, `nobody` has no session.
const WHO: [&str; 8] = ["nobody", "official", "head", "hr", "security", "auditor", "operator", "other"];

/// `+` let in, `-` forbidden (403), `0` hidden (404), `d` sent to the door, `s` let in and shown nothing that is not theirs.
const ACCESS: &[(&str, &str, &str)] = &[
    ("GET", "/", "dsssssss"),
    ("GET", "/account", "dsssssss"),
    ("POST", "/account/codes", "dsssssss"),
    ("POST", "/account/codes/confirm", "dsssssss"),
    ("GET", "/agencies", "d--+-+++"),
    ("GET", "/agencies/{code}", "d00+0++0"),
    ("POST", "/agencies/{code}/opt-in", "d00+0--0"),
    ("POST", "/agencies/{code}/opt-in/confirm", "d00+0--0"),
    ("POST", "/agencies/{code}/opt-in/drop", "d00+0--0"),
    ("POST", "/agencies/{code}/plan", "d00-0-+0"),
    ("POST", "/agencies/{code}/rules", "d00+0-+0"),
    ("POST", "/agencies/{code}/rules/{id}/end", "d0000-00"),
    ("GET", "/applications", "dsssssss"),
    ("GET", "/applications/{id}", "d0++++00"),
    ("POST", "/applications/{id}/comments", "d0+++-00"),
    ("POST", "/applications/{id}/decision", "d0-+--00"),
    ("POST", "/applications/{id}/invitation", "d0-+--00"),
    ("GET", "/audit-log", "d----+--"),
    ("GET", "/audit-log.csv", "d----+--"),
    ("GET", "/corrections", "d--+---+"),
    ("POST", "/corrections/{id}/answer", "d0000000"),
    ("GET", "/credentials", "d--+---+"),
    ("POST", "/credentials/{id}/approval", "d--0---0"),
    ("POST", "/credentials/{id}/rejection", "d--0---0"),
    ("POST", "/credentials/{id}/revocation", "d--0---0"),
    ("POST", "/decisions", "dsssssss"),
    ("POST", "/decisions/approve", "dsssssss"),
    ("GET", "/delegations", "dsssssss"),
    ("POST", "/delegations", "dsssssss"),
    ("POST", "/delegations/{id}/end", "d0000000"),
    ("GET", "/duties", "d--+-+-+"),
    ("POST", "/duties/ask", "d--+---+"),
    ("POST", "/duties/{id}/confirm", "d0000000"),
    ("POST", "/duties/{id}/drop", "d0000000"),
    ("GET", "/gates", "d---++--"),
    ("POST", "/gates/grants", "d---0---"),
    ("POST", "/gates/grants/file", "d---+---"),
    ("GET", "/gates/grants.csv", "d---++--"),
    ("GET", "/gates/now", "d---++--"),
    ("POST", "/gates/grants/{id}/end", "d---0---"),
    ("GET", "/loss", "d--+++-+"),
    ("GET", "/messages", "d----++-"),
    ("GET", "/people", "d--+++-+"),
    ("GET", "/people/{id}", "d00+++00"),
    ("POST", "/people/{id}/card", "d00+0000"),
    ("POST", "/people/{id}/card/loss", "d00++000"),
    ("POST", "/people/{id}/codes", "d00+0000"),
    ("POST", "/people/{id}/loss", "d00++000"),
    ("POST", "/people/{id}/resume", "d00++000"),
    ("POST", "/people/{id}/revoke", "d00++000"),
    ("POST", "/people/{id}/wipe", "d00++000"),
    ("GET", "/personnel", "dsssssss"),
    ("POST", "/personnel/change", "d--+---0"),
    ("POST", "/personnel/held", "d--0---0"),
    ("GET", "/relying-parties", "d----++-"),
    ("POST", "/relying-parties/ask", "d-----+-"),
    ("GET", "/relying-parties/new", "d-----+-"),
    ("GET", "/relying-parties/registered/{party}", "d----++-"),
    ("GET", "/relying-parties/registered/{party}/change", "d-----+-"),
    ("POST", "/relying-parties/registered/{party}/disable", "d-----+-"),
    ("POST", "/relying-parties/registered/{party}/end-old", "d-----+-"),
    ("POST", "/relying-parties/registered/{party}/renew", "d-----+-"),
    ("POST", "/relying-parties/registered/{party}/rotate", "d-----+-"),
    ("GET", "/relying-parties/requests/{request}", "d----00-"),
    ("POST", "/relying-parties/requests/{request}/approve", "d-----0-"),
    ("POST", "/relying-parties/requests/{request}/drop", "d-----0-"),
    ("GET", "/signatures", "d--+---+"),
    ("POST", "/signatures", "d--+---+"),
    ("GET", "/signatures/{id}/document", "d--0---0"),
    ("POST", "/signatures/{id}/withdrawal", "d--0---0"),
    ("GET", "/statistics", "d--+++++"),
    ("GET", "/statistics.csv", "d--+++++"),
    ("GET", "/system", "d----++-"),
    ("GET", "/unlock", "d--+---+"),
    ("POST", "/unlock/{account}/ask", "d00+0000"),
    ("POST", "/unlock/{account}/confirm", "d00+0000"),
];

/// The same for the REST interface, with a body that its schema admits and that changes nothing.
const API: &[(&str, &str, &str, &str)] = &[
    ("GET", "/api/v1/console/agencies", "d+++++++", ""),
    ("GET", "/api/v1/console/applications", "dsssssss", ""),
    ("GET", "/api/v1/console/applications/{id}", "d0++++00", ""),
    ("GET", "/api/v1/console/applications/{id}/comments", "d0++++00", ""),
    (
        "POST",
        "/api/v1/console/applications/{id}/comments",
        "d0+++-00",
        r#"{"text":" ","for_applicant":false}"#,
    ),
    (
        "POST",
        "/api/v1/console/applications/{id}/decisions",
        "d0-+--00",
        r#"{"step":"identity_check","verdict":"reject","reason":""}"#,
    ),
    ("POST", "/api/v1/console/applications/{id}/invitations", "d0-+--00", "{}"),
    ("GET", "/api/v1/console/corrections", "d--+---+", ""),
    ("POST", "/api/v1/console/corrections/{id}", "d0000000", r#"{"corrected":false,"reason":"x"}"#),
    ("GET", "/api/v1/console/credential-requests", "d--+---+", ""),
    (
        "POST",
        "/api/v1/console/credential-requests/{id}/decision",
        "d--0---0",
        r#"{"approve":false,"reason":"x"}"#,
    ),
    ("POST", "/api/v1/console/credential-requests/{id}/revocation", "d--0---0", r#"{"reason":"x"}"#),
    ("GET", "/api/v1/console/delegations", "dsssssss", ""),
    (
        "POST",
        "/api/v1/console/delegations",
        "ds-s---s",
        r#"{"kind":"acting","duty":"hr_manager","to_number":"-","from_at":0,"until_at":1}"#,
    ),
    ("DELETE", "/api/v1/console/delegations/{id}", "d0000000", ""),
    ("GET", "/api/v1/console/departments/{id}", "d--0---0", ""),
    ("GET", "/api/v1/console/duties", "d--+-+-+", ""),
    ("GET", "/api/v1/console/duty-requests", "d--+-+-+", ""),
    (
        "POST",
        "/api/v1/console/duty-requests",
        "d--0---0",
        r#"{"act":"grant","employee_id":"x","duty":"operator","agency_code":"9000001","reason":"x"}"#,
    ),
    ("POST", "/api/v1/console/duty-requests/{id}", "d0000000", r#"{"decision":"confirm"}"#),
    ("GET", "/api/v1/console/employees", "d--+---+", ""),
    ("GET", "/api/v1/console/employees/{id}", "d--+---0", ""),
    ("POST", "/api/v1/console/employees/{id}/status", "d00+0000", r#"{"status":"serving","reason":"x"}"#),
    ("GET", "/api/v1/console/held-changes", "d--+---+", ""),
    ("POST", "/api/v1/console/held-changes/{id}", "d0000000", r#"{"decision":"drop","reason":"x"}"#),
    ("GET", "/api/v1/console/me", "dsssssss", ""),
    ("GET", "/api/v1/console/messages", "d----++-", ""),
    ("GET", "/api/v1/console/personnel-rules", "dsssssss", ""),
    ("GET", "/api/v1/console/waiting/{step}", "dsssssss", ""),
];

/// Doors that are open before anybody signed in, or lead out.
const OPEN: &[&str] =
    &["/sign-in", "/sign-out", "/sign-in/code", "/sign-in/set-up", "/sign-in/badge", "/sign-in/callback"];

/// Every page route of the console, as the source declares it.
fn declared() -> BTreeSet<(String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = [
        "application/console.rs",
        "application/bulk.rs",
        "application/comment.rs",
        "credentials/console.rs",
        "desk/people.rs",
        "desk/unlock.rs",
        "desk/statistics.rs",
        "desk/audit_log.rs",
        "desk/system.rs",
        "desk/badge_sign_in.rs",
        "relying_parties/console.rs",
        "loss/desk.rs",
        "staff/pages.rs",
        "staff/second_pages.rs",
        "staff/duties.rs",
        "personnel/rollout_pages.rs",
        "personnel/correction_pages.rs",
        "employment/console.rs",
        "notification/console.rs",
        "gates/console.rs",
        "signatures/requests/console.rs",
    ];
    let mut routes = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(source.join(file)).unwrap();
        for part in text.split(".route(\"").skip(1) {
            let (path, rest) = part.split_once('"').unwrap();
            let handlers = rest.split([';', '\n']).next().unwrap().split(".route").next().unwrap();
            for (word, method) in [("get(", "GET"), ("post(", "POST")] {
                if handlers.contains(word) && !path.starts_with("/portal") && !OPEN.contains(&path) {
                    routes.insert((method.to_owned(), path.to_owned()));
                }
            }
        }
    }
    routes
}

/// Every route of the REST interface, as the OpenAPI document of the console tells it.
fn described() -> BTreeSet<(String, String)> {
    let (_, description) = crate::operations::server::console_api();
    let mut routes = BTreeSet::new();
    for (path, item) in description.paths.paths {
        let methods = [
            ("GET", item.get.is_some()),
            ("POST", item.post.is_some()),
            ("PUT", item.put.is_some()),
            ("PATCH", item.patch.is_some()),
            ("DELETE", item.delete.is_some()),
        ];
        for (method, _) in methods.into_iter().filter(|(_, there)| *there) {
            if path.starts_with("/api/v1/console/") && !path.ends_with("/session") {
                routes.insert((method.to_owned(), path.clone()));
            }
        }
    }
    routes
}

#[test]
fn the_table_names_every_route_of_the_rest_interface() {
    let known: BTreeSet<(String, String)> =
        API.iter().map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(described(), known);
}

#[tokio::test]
async fn every_route_of_the_rest_interface_opens_to_whom_the_table_says() {
    let town = town().await;
    for (n, login) in [(OFFICIAL, "person760"), (HEAD, "person750")] {
        town.account(login, n).await;
    }
    let application = town.applied(OFFICIAL).await;
    let mut tokens = vec![String::new()];
    for n in [OFFICIAL, HEAD, HR_ONE, SECURITY, AUDITOR, OPERATOR, STRANGER] {
        tokens.push(bearer(&town, "console", &format!("person{n}")).await);
    }
    let mut faults = String::new();
    for (method, path, letters, body) in API {
        for ((who, token), expected) in WHO.iter().zip(&tokens).zip(letters.chars()) {
            let id = if path.contains("/employees/") { &application.employee_id } else { &application.id };
            let path = path.replace("{id}", id).replace("{step}", "identity_check");
            let request = http::Request::builder()
                .method(*method)
                .uri(&path)
                .header(http::header::AUTHORIZATION, format!("Bearer {token}"))
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(axum::body::Body::from(*body))
                .unwrap();
            let visit = send(&town, true, request).await;
            let got = match visit.status {
                StatusCode::UNAUTHORIZED => 'd',
                status => letter(status, None),
            };
            let shows_another = visit.body.contains(&application.id) && *who == "other";
            let fits = match expected {
                's' => matches!(got, '+' | '-') && !shows_another,
                expected => got == expected,
            };
            if !fits {
                let _ =
                    writeln!(faults, "{method} {path} by {who}: {got} ({}), not {expected}", visit.status);
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

fn document() -> String {
    let mut text = String::from(
        "# Who may open which door of the console\n\n\
         Made from the table that the test `every_door_opens_to_whom_the_table_says_and_to_nobody_else` tries, each route by each duty and\n\
         by an HR manager of another agency: `+` let in, `-` forbidden (403), `0` hidden (404), `d` sent to the sign-in page,\n\
         `s` let in and shown only what is theirs. Nobody decides about themselves, whatever their duty.\n\n| |",
    );
    for who in WHO {
        let _ = write!(text, " {who} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(WHO.len()));
    for (method, path, letters) in ACCESS {
        let _ = write!(text, "\n| `{method} {path}` |");
        for letter in letters.chars() {
            let _ = write!(text, " {letter} |");
        }
    }
    for (method, path, letters, _) in API {
        let _ = write!(text, "\n| `{method} {path}` |");
        for letter in letters.chars() {
            let _ = write!(text, " {letter} |");
        }
    }
    text.push('\n');
    text
}

#[test]
fn the_table_names_every_page_of_the_console_and_the_documentation_says_the_same() {
    let known: BTreeSet<(String, String)> =
        ACCESS.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(declared(), known);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/console-access.md");
    if std::env::var_os("MAPAE_WRITE_DOCS").is_some() {
        std::fs::write(path, document()).unwrap();
    }
    let written = std::fs::read_to_string(path).expect("docs/console-access.md");
    assert_eq!(written, document(), "run the test with MAPAE_WRITE_DOCS=1");
}

fn letter(status: StatusCode, to: Option<&str>) -> char {
    match status {
        StatusCode::FORBIDDEN => '-',
        StatusCode::NOT_FOUND => '0',
        StatusCode::SEE_OTHER if to.is_some_and(|to| to.ends_with("/sign-in")) => 'd',
        status if status.is_server_error() => '!',
        _ => '+',
    }
}

#[tokio::test]
async fn every_door_opens_to_whom_the_table_says_and_to_nobody_else() {
    let town = town().await;
    for (n, login) in [(OFFICIAL, "person760"), (HEAD, "person750"), (TOP_HEAD, "person0")] {
        town.account(login, n).await;
    }
    let application = town.applied(OFFICIAL).await;
    badge(&town, &application.employee_id).await;
    let account = locked_account(&town, OFFICIAL).await;
    let desks = [
        None,
        // Another official than the one it is about would be hidden too; the one it is about must not decide.
        Some(Desk::of(&town, OFFICIAL).await),
        Some(Desk::of(&town, HEAD).await),
        Some(Desk::of(&town, HR_ONE).await),
        Some(Desk::of(&town, SECURITY).await),
        Some(Desk::of(&town, AUDITOR).await),
        Some(Desk::of(&town, OPERATOR).await),
        Some(Desk::of(&town, STRANGER).await),
    ];
    let party = crate::login::tests::support::registration("portal");
    crate::verification::cli::register(&town, party).await.unwrap();
    let person = crate::personnel::demo_data::person(OFFICIAL);
    let mut faults = String::new();
    for (method, path, letters) in ACCESS {
        for ((who, desk), expected) in WHO.iter().zip(&desks).zip(letters.chars()) {
            let id =
                if path.starts_with("/applications") { &application.id } else { &application.employee_id };
            let path = path
                .replace("{id}", id)
                .replace("{account}", &account)
                .replace("{code}", person.agency)
                .replace("{party}", "portal")
                .replace("{request}", "01890000-0000-7000-8000-000000000000");
            let visit = match (desk, *method) {
                (None, "GET") => send(&town, true, get(&path, "")).await,
                (None, _) => send(&town, true, form(&path, "", "csrf=x")).await,
                (Some(desk), "GET") => desk.get(&path).await,
                (Some(desk), _) => {
                    // Enough for every form; what would change more than once is refused for want of a reason.
                    let body = format!(
                        "step=identity_check&decision=reject&cause=loss&way=desk&code=found&reason=&name=&ids=&status=serving\
                         &agency={}&number={}",
                        person.agency, person.number
                    );
                    let with_reason =
                        body.replace("reason=&", "reason=x&").replace("ids=&", &format!("ids={account}&"));
                    let body = if path.starts_with("/personnel") {
                        with_reason.replace("decision=reject", "decision=drop")
                    } else {
                        body
                    };
                    desk.post(&path, &body).await
                }
            };
            let to = visit.headers.get(http::header::LOCATION).and_then(|to| to.to_str().ok());
            let got = letter(visit.status, to);
            let shows_another = visit.body.contains(&application.id) && *who == "other";
            let fits = match expected {
                's' => got == '+' && !shows_another,
                expected => got == expected,
            };
            if !fits {
                let _ =
                    writeln!(faults, "{method} {path} by {who}: {got} ({}), not {expected}", visit.status);
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}
