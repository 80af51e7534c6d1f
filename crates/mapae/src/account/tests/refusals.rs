//! Each kind of signed message, expired, replayed, swapped, foreign, truncated, and with the wrong algorithm: what is
//! refused how, and that none of it is counted as a try.

use keys::SecretKey;
use keys::jws::Header;
use serde_json::{Value, json};

use super::*;

/// Makes the messages of a phone by hand, so that a test may bend one thing.
pub(super) struct Forge {
    phone: Phone,
    account: String,
    device: SecretKey,
    pin: SecretKey,
}

/// What a test may bend.
pub(super) struct Parts {
    pub(super) outer: Value,
    pub(super) inner: Value,
    pub(super) outer_typ: String,
    pub(super) inner_typ: String,
}

impl Forge {
    pub(super) fn new(phone: &Enrolled, device: SecretKey, pin: SecretKey) -> Forge {
        Forge { phone: phone.phone.clone(), account: phone.account.clone(), device, pin }
    }

    async fn of(phone: &Enrolled) -> Forge {
        let wallet = phone.wallet().await;
        let salt = wallet.state().account.as_ref().unwrap().pin.salt.clone();
        Forge::new(phone, device_key(&wallet).await, pin(RIGHT).key(&salt))
    }

    fn claims(&self) -> Value {
        json!({
            "aud": "http://localhost:8600", "account": self.account, "iat": now_s(&self.phone),
            "jti": keys::random::token(),
        })
    }

    fn sign(&self, typ: &str, payload: &Value) -> String {
        keys::jws::sign(&self.device, &Header::es256(typ), payload.to_string().as_bytes()).unwrap()
    }

    pub(super) async fn challenge(&self) -> String {
        let signed = self.sign("mapae-challenge-request+jwt", &self.claims());
        let (status, body) = post(&self.phone, "/challenge", json!({ "signed": signed })).await;
        assert_eq!(status, 200, "{body}");
        body["challenge"].as_str().unwrap().to_owned()
    }

    pub(super) fn message(&self, challenge: &str, sequence: u64, bend: impl FnOnce(&mut Parts)) -> String {
        let mut outer = self.claims();
        outer["sequence"] = json!(sequence);
        outer["challenge"] = json!(challenge);
        let inner = json!({
            "aud": "http://localhost:8600", "account": self.account,
            "device": self.device.public_key().thumbprint(), "sequence": sequence, "challenge": challenge,
            "instruction": { "name": "check_pin" },
        });
        let mut parts = Parts {
            outer,
            inner,
            outer_typ: "mapae-instruction+jwt".into(),
            inner_typ: "mapae-pin-instruction+jwt".into(),
        };
        bend(&mut parts);
        if parts.outer.get("pin_signed").is_none() {
            let header = Header::es256(parts.inner_typ.as_str());
            let inner = keys::jws::sign(&self.pin, &header, parts.inner.to_string().as_bytes()).unwrap();
            parts.outer["pin_signed"] = json!(inner);
        }
        self.sign(&parts.outer_typ, &parts.outer)
    }

    pub(super) async fn instruct(
        &self,
        challenge: &str,
        sequence: u64,
        bend: impl FnOnce(&mut Parts),
    ) -> (u16, Value) {
        let signed = self.message(challenge, sequence, bend);
        post(&self.phone, "/instructions", json!({ "signed": signed })).await
    }
}

fn refused(answer: &(u16, Value), status: u16, code: &str) {
    assert_eq!((answer.0, answer.1["code"].as_str()), (status, Some(code)), "{}", answer.1);
}

#[tokio::test]
async fn each_bent_instruction_is_refused_for_its_own_reason_and_never_counted() {
    let phone = Enrolled::new().await;
    let forge = Forge::of(&phone).await;
    let challenge = forge.challenge().await;
    let c = challenge.as_str();

    refused(
        &forge.instruct(c, 1, |p| p.outer["aud"] = json!("https://elsewhere.example")).await,
        401,
        "device_refused",
    );
    refused(&forge.instruct(c, 1, |p| p.outer["iat"] = json!(1)).await, 401, "device_refused");
    refused(&forge.instruct(c, 1, |p| p.outer["account"] = json!(id::new())).await, 401, "device_refused");
    refused(
        &forge.instruct(c, 1, |p| p.outer["account"] = json!("\u{0}'; DROP")).await,
        401,
        "device_refused",
    );
    refused(
        &forge.instruct(c, 1, |p| p.outer_typ = "mapae-approval+jwt".into()).await,
        401,
        "device_refused",
    );
    refused(&forge.instruct(c, 1, |p| p.inner_typ = "mapae-pin-proof+jwt".into()).await, 400, "malformed");
    refused(&forge.instruct(c, 1, |p| p.inner["account"] = json!(id::new())).await, 400, "malformed");
    refused(&forge.instruct(c, 1, |p| p.inner["device"] = json!("x")).await, 400, "malformed");
    refused(
        &forge.instruct(c, 1, |p| p.inner["aud"] = json!("https://elsewhere.example")).await,
        400,
        "malformed",
    );
    refused(&forge.instruct(c, 1, |p| p.inner["sequence"] = json!(2)).await, 400, "malformed");
    refused(&forge.instruct(c, 1, |p| p.inner["challenge"] = json!("x")).await, 400, "malformed");
    refused(
        &forge.instruct(c, 1, |p| p.inner["instruction"] = json!({ "name": "pay" })).await,
        400,
        "malformed",
    );
    refused(&forge.instruct(c, 1, |p| p.outer["pin_signed"] = json!("a.b.c")).await, 400, "malformed");
    refused(&forge.instruct(c, 0, |_| {}).await, 409, "stale_sequence");
    refused(&forge.instruct(c, 1_001, |_| {}).await, 400, "malformed");
    refused(&forge.instruct(c, u64::MAX, |_| {}).await, 400, "malformed");
    refused(&forge.instruct("x", 1, |_| {}).await, 409, "challenge_invalid");
    let commit = |p: &mut Parts| p.inner["instruction"] = json!({ "name": "pin_change_commit" });
    refused(&forge.instruct(c, 1, commit).await, 409, "no_pin_change");

    assert_eq!((phone.column("tries").await, phone.column("sequence").await), (0, 0));
    assert_eq!(forge.instruct(c, 1, |_| {}).await.0, 200, "unbent it is accepted");
}

#[tokio::test]
async fn a_used_challenge_an_old_one_and_one_of_another_phone_are_refused() {
    let phone = Enrolled::new().await;
    let forge = Forge::of(&phone).await;
    let used = forge.challenge().await;
    let replay = forge.message(&used, 1, |_| {});
    assert_eq!(post(&phone.phone, "/instructions", json!({ "signed": replay.clone() })).await.0, 200);
    let again = post(&phone.phone, "/instructions", json!({ "signed": replay })).await;
    refused(&again, 409, "stale_sequence");
    assert_eq!(again.1["sequence"], 1);
    refused(&forge.instruct(&used, 2, |_| {}).await, 409, "stale_sequence");

    let old = forge.challenge().await;
    phone.platform.clock.advance_ms(60_000);
    refused(&forge.instruct(&old, 2, |_| {}).await, 409, "challenge_invalid");

    let other = Phone::new(&phone.platform);
    let other_account = enrol(&phone.platform, &other).await;
    let stranger = Enrolled::on_same(&phone, other, other_account);
    let foreign = Forge::of(&stranger).await.challenge().await;
    refused(&forge.instruct(&foreign, 2, |_| {}).await, 409, "challenge_invalid");
    let onboarding = phone.platform.tokens.seal("onboarding", &json!({ "id": "x" }), i64::MAX).unwrap();
    refused(&forge.instruct(&onboarding, 2, |_| {}).await, 409, "challenge_invalid");
}

#[tokio::test]
async fn truncated_and_algorithm_confused_messages_are_refused() {
    let phone = Enrolled::new().await;
    let forge = Forge::of(&phone).await;
    let challenge = forge.challenge().await;
    let whole = forge.message(&challenge, 1, |_| {});
    for keep in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        let cut = whole.get(..keep).unwrap();
        let answer = post(&phone.phone, "/instructions", json!({ "signed": cut })).await;
        assert!(matches!(answer.0, 400 | 401), "{keep}: {}", answer.1);
    }
    let (_, rest) = whole.split_once('.').unwrap();
    for alg in ["none", "HS256", "RS256", "es256"] {
        let header = json!({ "alg": alg, "typ": "mapae-instruction+jwt" }).to_string();
        let forged = format!("{}.{rest}", keys::encoding::b64url_encode(header.as_bytes()));
        let answer = post(&phone.phone, "/instructions", json!({ "signed": forged })).await;
        assert!(matches!(answer.0, 400 | 401), "{alg}: {}", answer.1);
    }
    let long = "a".repeat(9 << 10);
    refused(&post(&phone.phone, "/instructions", json!({ "signed": long })).await, 400, "malformed");
    assert_eq!((phone.column("tries").await, phone.column("sequence").await), (0, 0));
}

#[tokio::test]
async fn a_result_is_told_to_its_device_only_and_only_under_its_number() {
    let phone = Enrolled::new().await;
    let forge = Forge::of(&phone).await;
    let challenge = forge.challenge().await;
    assert_eq!(forge.instruct(&challenge, 1, |_| {}).await.0, 200);
    let get = |path: &str, token: String| {
        let request = Request::get(format!("http://localhost:8600/wallet/v1{path}"))
            .header("authorization", format!("Device {token}"));
        let net = phone.phone.net.clone();
        async move {
            let response = net.send(request).await.unwrap();
            (response.status, serde_json::from_slice::<Value>(&response.body).unwrap_or_default())
        }
    };
    let asks = |sequence: u64| {
        let mut claims = forge.claims();
        claims["sequence"] = json!(sequence);
        claims
    };
    let typ = "mapae-result-request+jwt";
    let first = get("/results/1", forge.sign(typ, &asks(1))).await;
    assert_eq!(first.0, 200);
    assert_eq!(get("/results/1", forge.sign(typ, &asks(1))).await.1, first.1, "the same answer again");
    refused(&get("/results/1", forge.sign(typ, &asks(2))).await, 400, "malformed");
    refused(&get("/results/2", forge.sign(typ, &asks(2))).await, 404, "result_not_found");
    refused(
        &get("/results/1", forge.sign("mapae-status-request+jwt", &asks(1))).await,
        401,
        "device_refused",
    );
    let stranger = SecretKey::generate();
    let forged = keys::jws::sign(&stranger, &Header::es256(typ), asks(1).to_string().as_bytes()).unwrap();
    refused(&get("/results/1", forged).await, 401, "device_refused");
    let bare = phone.phone.net.send(Request::get("http://localhost:8600/wallet/v1/results/1")).await.unwrap();
    assert_eq!(bare.status, 401);
}

#[tokio::test]
async fn nothing_the_pin_signed_is_kept_anywhere() {
    let phone = Enrolled::new().await;
    let forge = Forge::of(&phone).await;
    let challenge = forge.challenge().await;
    let mut inner = String::new();
    let signed = forge.message(&challenge, 1, |parts| {
        let header = Header::es256(parts.inner_typ.as_str());
        inner = keys::jws::sign(&forge.pin, &header, parts.inner.to_string().as_bytes()).unwrap();
        parts.outer["pin_signed"] = json!(inner);
    });
    assert_eq!(post(&phone.phone, "/instructions", json!({ "signed": signed })).await.0, 200);
    let (_, signature) = inner.rsplit_once('.').unwrap();
    let row = phone
        .platform
        .store
        .fetch_one("SELECT result FROM account_result WHERE account_id = $1", params![&phone.account])
        .await
        .unwrap();
    let result = row.text("result").unwrap();
    let payload = result.split('.').nth(1).unwrap();
    let payload = String::from_utf8(keys::encoding::b64url_decode(payload).unwrap()).unwrap();
    assert!(!result.contains(signature) && !payload.contains(signature) && !payload.contains("pin_signed"));
}

#[tokio::test]
async fn a_pin_change_needs_a_proof_for_this_account_and_this_device() {
    let phone = Enrolled::new().await;
    let forge = Forge::of(&phone).await;
    let challenge = forge.challenge().await;
    let new = SecretKey::generate();
    let proof = |key: &SecretKey, typ: &str, bend: &dyn Fn(&mut Value)| {
        let mut claims = json!({
            "aud": "http://localhost:8600", "subject": phone.account,
            "device": forge.device.public_key().thumbprint(),
        });
        bend(&mut claims);
        keys::jws::sign(key, &Header::es256(typ), claims.to_string().as_bytes()).unwrap()
    };
    let typ = "mapae-pin-proof+jwt";
    let bent = [
        proof(&SecretKey::generate(), typ, &|_| {}),
        proof(&new, "jwt", &|_| {}),
        proof(&new, typ, &|claims| claims["aud"] = json!("https://elsewhere.example")),
        proof(&new, typ, &|claims| claims["subject"] = json!("another")),
        proof(&new, typ, &|claims| claims["device"] = json!("another")),
        "a.b.c".to_owned(),
    ];
    let begin = |proof: String| {
        let jwk = serde_json::to_value(new.public_key().to_jwk()).unwrap();
        move |parts: &mut Parts| {
            parts.inner["instruction"] =
                json!({ "name": "pin_change_begin", "pin_key": jwk.clone(), "pin_proof": proof });
        }
    };
    for proof in bent {
        refused(&forge.instruct(&challenge, 1, begin(proof)).await, 400, "malformed");
    }
    assert_eq!((phone.column("tries").await, phone.column("sequence").await), (0, 0));
    assert_eq!(forge.instruct(&challenge, 1, begin(proof(&new, typ, &|_| {}))).await.0, 200);
}
