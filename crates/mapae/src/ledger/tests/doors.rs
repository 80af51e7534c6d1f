//! What the world may ask.

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::operations::server;

async fn ask(platform: &TestPlatform, request: http::Request<axum::body::Body>) -> (u16, String, Value) {
    let reply = server::public_router(platform).oneshot(request).await.unwrap();
    let status = reply.status().as_u16();
    let kind =
        reply.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = reply.into_body().collect().await.unwrap().to_bytes();
    (status, kind, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn get(path: &str) -> http::Request<axum::body::Body> {
    http::Request::get(path).body(axum::body::Body::empty()).unwrap()
}

#[tokio::test]
async fn a_did_is_resolved_as_the_universal_resolver_asks_and_mirrored_as_did_web() {
    let ground = ground().await;
    let jkt = ceremony::issuing_key(&ground.platform).unwrap().thumbprint();
    let (status, kind, body) = ask(&ground.platform, get("/1.0/identifiers/did:mapae:demo:9900000")).await;
    assert_eq!(
        (status, body["didDocument"]["id"].as_str()),
        (200, Some("did:mapae:demo:9900000")),
        "{kind} {body}"
    );
    assert_eq!(body["didDocumentMetadata"]["versionId"], "1");
    assert_eq!(body["didDocument"]["verificationMethod"][0]["id"], format!("did:mapae:demo:9900000#{jkt}"));
    let mut request = get("/1.0/identifiers/did:mapae:demo:9900000");
    request.headers_mut().insert("accept", "application/did+ld+json".parse().unwrap());
    let (_, kind, body) = ask(&ground.platform, request).await;
    assert_eq!(
        (kind.as_str(), body["id"].as_str()),
        ("application/did+ld+json", Some("did:mapae:demo:9900000"))
    );
    for (path, status) in [
        ("/1.0/identifiers/did:mapae:demo:9900001", 404),
        ("/1.0/identifiers/did:mapae:demo:9900000?versionId=2", 404),
        ("/1.0/identifiers/did:mapae:demo:9900000?versionId=1", 200),
        ("/1.0/identifiers/nonsense", 400),
        ("/1.0/identifiers/did:web:example.org", 501),
        ("/agencies/9900001/did.json", 404),
        ("/agencies/..%2f/did.json", 404),
        ("/ledger/anchors/1", 404),
    ] {
        assert_eq!(ask(&ground.platform, get(path)).await.0, status, "{path}");
    }
    let (status, _, body) = ask(&ground.platform, get("/agencies/9900000/did.json")).await;
    let web = ceremony::web_did(&ground.platform, Code::parse(AGENCY).unwrap());
    assert_eq!((status, body["id"].as_str()), (200, Some(web.as_str())), "{body}");
    ground.act(call::deactivate_agency(Code::parse(AGENCY).unwrap())).await;
    assert_eq!(ask(&ground.platform, get("/agencies/9900000/did.json")).await.0, 410);
    assert_eq!(ask(&ground.platform, get("/1.0/identifiers/did:mapae:demo:9900000")).await.0, 410);
}

#[tokio::test]
async fn the_chain_answers_questions_and_takes_nothing() {
    let ground = ground().await;
    let post = |method: &str| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": ["0x02"] }).to_string();
        http::Request::post("/ledger/rpc")
            .header("content-type", "application/json")
            .body(body.into())
            .unwrap()
    };
    assert_eq!(ask(&ground.platform, post("eth_chainId")).await.2["result"], "0x4f24");
    assert_eq!(ask(&ground.platform, post("eth_sendRawTransaction")).await.2["error"]["code"], -32601);
}

#[tokio::test]
async fn without_a_ledger_the_doors_are_not_there() {
    let platform = testing::platform().await;
    assert_eq!(ask(&platform, get("/1.0/identifiers/did:mapae:demo:9900000")).await.0, 404);
    let status = cli::perform(&platform, cli::Command::Status { json: true }).await.unwrap().1;
    assert_eq!(status["set_up"], false);
}

#[tokio::test]
async fn what_was_signed_on_a_device_without_a_network_does_the_same_as_here() {
    let ground = ground().await;
    let folder = folder(&ground.platform);
    let agency = Code::parse("9900001").unwrap();
    let opened = open::opened(&ground.platform).await.unwrap();
    let key = ceremony::issuing_key(&ground.platform).unwrap();
    let data = ceremony::register(&ground.platform, &opened, agency, &key);
    let addresses = registrar::addresses(&ground.members);
    let prepared = ceremony::prepare(&opened, &addresses[..2], &data).await.unwrap();
    let mut lines = String::new();
    for (number, one) in prepared.iter().enumerate() {
        let file = folder.join("prepared.txt");
        std::fs::write(&file, cli::written(one).to_string()).unwrap();
        let wrong = folder.join(format!("registrar-{}.json", 3));
        assert!(cli::sign(&file, &wrong).is_err(), "another member's key");
        let own = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).find(|path| {
            path.extension().is_some_and(|kind| kind == "json")
                && Member::read(path).unwrap().chain.address() == addresses[number]
        });
        lines += &cli::sign(&file, &own.unwrap()).unwrap();
        lines.push('\n');
    }
    let file = folder.join("signed.txt");
    std::fs::write(&file, lines).unwrap();
    let sent = cli::perform(&ground.platform, cli::Command::Send { file }).await.unwrap().1;
    assert_eq!(sent["sent"].as_array().unwrap().len(), 2, "{sent}");
    assert_eq!(opened.registry.agency(agency).await.unwrap().unwrap().version, 1);

    // An accreditation: the statement first, signed by two, then the act.
    let accredit = |statement: Option<PathBuf>| cli::Command::Accredit {
        agency,
        name_ko: "예시청".to_owned(),
        name_en: "Example Office".to_owned(),
        vct: None,
        key: None,
        days: 30,
        statement,
        how: cli::How { keys: None, offline: addresses[..2].to_vec(), dry_run: false, json: true },
    };
    let asked = cli::perform(&ground.platform, accredit(None)).await.unwrap().1;
    let statement = folder.join("statement.txt");
    std::fs::write(&statement, asked["statement"].to_string()).unwrap();
    let signed: Vec<String> = (1..3)
        .map(|number| cli::sign(&statement, &folder.join(format!("registrar-{number}.json"))).unwrap())
        .collect();
    std::fs::write(&statement, &signed[0]).unwrap();
    assert!(
        cli::perform(&ground.platform, accredit(Some(statement.clone()))).await.is_err(),
        "one is not enough"
    );
    std::fs::write(&statement, signed.join(" ")).unwrap();
    let prepared = cli::perform(&ground.platform, accredit(Some(statement))).await.unwrap().1;
    assert_eq!(prepared["to_sign"].as_array().unwrap().len(), 2, "{prepared}");
}

#[tokio::test]
async fn a_dry_run_tells_what_the_registry_would_say_and_does_nothing() {
    let ground = ground().await;
    let try_to_add = async |agency: &str| {
        let agency = Code::parse(agency).unwrap();
        let how = cli::How { keys: None, offline: Vec::new(), dry_run: true, json: true };
        let command = cli::Command::Agency(cli::AgencyCommand::Add { agency, key: None, how });
        cli::perform(&ground.platform, command).await.unwrap().1
    };
    assert_eq!(try_to_add("9900001").await["verdict"], "the registry would take it");
    assert_eq!(try_to_add("9900001").await["verdict"], "the registry would take it", "nothing was done");
    assert_eq!(try_to_add(AGENCY).await["verdict"], "the registry refuses: AgencyExists");
}
