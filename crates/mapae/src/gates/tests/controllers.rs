//! A controller beside its door: enrolled once, told at once, deciding alone, unharmed by a loss of power.

use gate::decision::{Input, Reason};
use gate::grace::Order;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_walks_in_until_the_loss_is_reported() {
    let town = Town::new(2).await;
    let (folder, door) = town.controller("front").await;
    let mut phone = town.phone(0).await;
    let agency = town.agency().await;
    let controller = town.running(&folder).await;
    assert_eq!(controller.tap(door, &mut phone).await.code, "no_grant");
    town.order(&format!("grant --zone hall --of-agency {agency}")).await;
    let seq = town.seq().await;
    until(|| controller.known().1 >= seq).await;
    let first = controller.tap(door, &mut phone).await;
    assert!(first.opened && !first.fast, "{first:?}");
    let second = controller.tap(door, &mut phone).await;
    assert!(second.opened && second.fast, "{second:?}");
    assert!(controller.unlocked(door));

    phone.evidence.unlocked = false;
    assert_eq!(controller.tap(door, &mut phone).await.code, "phone_locked");
    phone.evidence.unlocked = true;

    let began = tokio::time::Instant::now();
    town.change(&phone.badge, "suspend").await;
    until(|| controller.standing()["stopped"] == 1).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(1), "{:?}", began.elapsed());
    let refused = controller.tap(door, &mut phone).await;
    assert_eq!((refused.code, refused.opened, refused.fast), ("stopped", false, false));
    assert!(phone.renew(&town).await.is_err(), "and no new pass");

    town.change(&phone.badge, "resume").await;
    until(|| controller.standing()["stopped"] == 0).await;
    assert!(controller.tap(door, &mut phone).await.opened);
    town.change(&phone.badge, "revoke").await;
    until(|| controller.standing()["stopped"] == 1).await;
    assert_eq!(controller.tap(door, &mut phone).await.code, "stopped");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_code_enrols_one_controller_once() {
    let town = Town::new(1).await;
    let added = town.order(&format!("add back --agency {}", town.agency().await)).await;
    let code = added["code"].as_str().unwrap().to_owned();
    let http = client::http().unwrap();
    let racing = (0..64).map(|n| {
        let (http, base, code) = (http.clone(), town.base(), code.clone());
        let folder = Folder::open(&town.folder.join(format!("racer-{n}"))).unwrap();
        tokio::spawn(async move { client::enrol(&http, &base, &code, &folder).await.is_ok() })
    });
    let mut won = 0;
    for racer in racing.collect::<Vec<_>>() {
        won += usize::from(racer.await.unwrap());
    }
    assert_eq!(won, 1);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_was_ended_is_told_nothing_more() {
    let town = Town::new(1).await;
    let (folder, _) = town.controller("side").await;
    let controller = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    let http = client::http().unwrap();
    controller.renew_papers(&http).await.unwrap();
    let id = controller.standing()["controller"].as_str().unwrap().to_owned();
    town.order(&format!("end {id}")).await;
    let refused = controller.follow(&http, |_| ()).await.unwrap_err().to_string();
    assert!(refused.contains("401 gate_controller"), "{refused}");
    // The token of one controller with the key of another.
    let (mine, _) = town.controller("other").await;
    let (papers, _) = mine.papers().unwrap().unwrap();
    mine.put_papers(&papers, &SecretKey::generate()).unwrap();
    let thief = Controller::open(mine, Arc::new(SystemClock)).unwrap();
    assert!(thief.renew_papers(&http).await.unwrap_err().to_string().contains("401"));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_server_it_decides_on_what_lies_on_disk() {
    let town = Town::new(2).await;
    let (folder, door) = town.controller("front").await;
    let agency = town.agency().await;
    town.order(&format!("grant --zone hall --of-agency {agency}")).await;
    let (mut good, mut lost) = (town.phone(0).await, town.phone(1).await);
    town.change(&lost.badge, "suspend").await;
    drop(town.running(&folder).await);
    let offline = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    let opened = offline.tap(door, &mut good).await;
    assert!(opened.opened, "{opened:?}");
    assert_eq!(offline.tap(door, &mut lost).await.code, "stopped");

    // Whoever changes the disk opens no door with it: a stop that is cut out or altered is noticed as a missing page.
    let pages = std::fs::read_to_string(folder.file("snapshot.pages")).unwrap();
    let forged = pages.replace("eyJ", "eyK");
    std::fs::write(folder.file("snapshot.pages"), forged).unwrap();
    let mistrusting = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    assert!(!mistrusting.tap(door, &mut good).await.opened);
    std::fs::write(folder.file("snapshot.pages"), pages).unwrap();

    // A day later nothing opens; a grace order opens again, but not to the one who was stopped.
    #[derive(Debug)]
    struct Later;
    impl Clock for Later {
        fn now_ms(&self) -> i64 {
            SystemClock.now_ms() + 25 * 3_600_000
        }
    }
    let later = Controller::open(folder.clone(), Arc::new(Later)).unwrap();
    let shown = later.tap(door, &mut good).await;
    assert_eq!((shown.code, shown.opened), ("stale", false));
    let officers = [SecretKey::generate(), SecretKey::generate()];
    let now = SystemClock.now_ms();
    let order = Order {
        v: 1,
        id: "2026-1".into(),
        zones: vec!["hall".into()],
        since: now,
        until: now + 14 * 86_400_000,
        drill: false,
    };
    let file = |order: &Order| officers.iter().map(|key| order.sign(key).unwrap() + "\n").collect::<String>();
    assert!(later.take_order(&file(&order)).is_err(), "not officers of the trust list");
    for (n, key) in officers.iter().enumerate() {
        let path = town.folder.join(format!("officer-{n}.jwk"));
        std::fs::write(&path, serde_json::to_string(&key.public_key().to_jwk()).unwrap()).unwrap();
        town.order(&format!("officer 예시관{n} {}", path.display())).await;
    }
    drop(town.running(&folder).await);
    let later = Controller::open(folder.clone(), Arc::new(Later)).unwrap();
    later.take_order(&file(&order)).unwrap();
    let shown = later.tap(door, &mut good).await;
    assert_eq!((shown.code, shown.order.as_deref()), ("granted_grace", Some("2026-1")));
    assert_eq!(later.tap(door, &mut lost).await.code, "stopped");
    // And after a restart it is still in force.
    let again = Controller::open(folder, Arc::new(Later)).unwrap();
    assert_eq!(again.tap(door, &mut good).await.code, "granted_grace");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_code_opens_once_and_fire_opens_always() {
    let town = Town::new(1).await;
    let (folder, door) = town.controller("front").await;
    let agency = town.agency().await;
    town.order(&format!("grant --zone hall --under {agency}")).await;
    let mut phone = town.phone(0).await;
    let controller = town.running(&folder).await;
    let code = phone.code();
    assert!(controller.code(door, &code).opened);
    assert_eq!(controller.code(door, &code).code, "qr_used");
    assert_eq!(controller.code(door, "MG1:AAAA").code, "card_proof");
    let seq = town.seq().await;
    town.change(&phone.badge, "suspend").await;
    until(|| controller.known().1 > seq).await;
    assert_eq!(controller.code(door, &phone.code()).code, "stopped");
    assert_eq!(controller.input(door, Input::Fire(true)).len(), 1);
    assert_eq!(controller.tap(door, &mut phone).await.code, Reason::Emergency.code());
    assert!(controller.unlocked(door));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_goes_away_opens_nothing() {
    struct Gone(TestPhone, usize);
    impl Carrier for Gone {
        async fn transmit(&mut self, command: &[u8]) -> std::io::Result<Vec<u8>> {
            self.1 = self.1.checked_sub(1).ok_or(std::io::ErrorKind::UnexpectedEof)?;
            self.0.transmit(command).await
        }
    }
    let town = Town::new(1).await;
    let (folder, door) = town.controller("front").await;
    let agency = town.agency().await;
    town.order(&format!("grant --zone hall --of-agency {agency}")).await;
    let phone = town.phone(0).await;
    let controller = town.running(&folder).await;
    let mut gone = Gone(phone, 0);
    for answers in 0..3 {
        gone.1 = answers;
        let shown = controller.tap(door, &mut gone).await;
        assert!(!shown.opened, "after {answers} answers: {shown:?}");
    }
    // Once the card proved itself the decision stands, whether or not it hears of it.
    gone.1 = 3;
    assert!(controller.tap(door, &mut gone).await.opened);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_taken_once() {
    let town = Town::new(1).await;
    let (folder, _) = town.controller("front").await;
    let (papers, key) = folder.papers().unwrap().unwrap();
    let url = format!("{}/gates/v1/papers", town.base());
    let asked =
        openid::dpop::Request { method: "POST", url: &url, access_token: Some(&papers.token), nonce: None };
    let proof = asked.prove(&key, "once", SystemClock.now_ms() / 1_000).unwrap();
    let http = client::http().unwrap();
    let send = || {
        let request = http.post(&url).header("authorization", format!("DPoP {}", papers.token));
        request.header("dpop", &proof).send()
    };
    let racing = futures::future::join_all((0..64).map(|_| send())).await;
    let taken = racing.iter().filter(|sent| sent.as_ref().is_ok_and(|got| got.status() == 200)).count();
    assert_eq!(taken, 1);
    town.close().await;
}
