//! The feed: one order of everything, nothing missed, nobody else's doors.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_suspensions_at_once_every_controller_hears_all() {
    let town = Town::new(24).await;
    let (folder, _) = town.controller("front").await;
    let controller = town.running(&folder).await;
    let mut phones = Vec::new();
    for n in 0..24 {
        phones.push(town.phone(n).await);
    }
    let town = Arc::new(town);
    let racing: Vec<_> = phones
        .iter()
        .map(|phone| {
            let (town, badge) = (Arc::clone(&town), phone.badge.clone());
            tokio::spawn(async move { town.change(&badge, "suspend").await })
        })
        .collect();
    for one in racing {
        one.await.unwrap();
    }
    until(|| controller.standing()["stopped"] == 24).await;
    let rows =
        town.platform.store.fetch_all("SELECT seq FROM gate_feed ORDER BY seq", params![]).await.unwrap();
    let numbers: Vec<i64> = rows.iter().map(|row| row.int("seq").unwrap()).collect();
    let gapless: Vec<i64> = (1..=i64::try_from(rows.len()).unwrap()).collect();
    assert_eq!(numbers, gapless);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_and_a_suspension_that_race_leave_nobody_inside() {
    let town = Arc::new(Town::new(8).await);
    for n in 0..8 {
        let phone = town.phone(n).await;
        let (badge, account) = (phone.badge.clone(), phone.account.clone());
        let givers: Vec<_> = (0..8)
            .map(|_| {
                let (town, account) = (Arc::clone(&town), account.clone());
                tokio::spawn(async move {
                    let key = SecretKey::generate().public_key().clone();
                    give_pass(&town.platform, &account, key).await.is_ok()
                })
            })
            .collect();
        town.change(&badge, "suspend").await;
        for giver in givers {
            giver.await.unwrap();
        }
        let sql = "SELECT gate_ref, stopped_at FROM gate_badge WHERE badge_id = $1";
        let rows = town.platform.store.fetch_all(sql, params![&badge]).await.unwrap();
        assert_eq!(rows.len(), 1, "one reference for one badge");
        assert!(rows[0].opt_int("stopped_at").unwrap().is_some());
        let key = SecretKey::generate().public_key().clone();
        assert!(give_pass(&town.platform, &account, key).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_goes_on_where_it_was_and_takes_everything_when_too_much_was_missed() {
    let town = Town::new(1).await;
    let (folder, _) = town.controller("front").await;
    let controller = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    let in_touch = tokio::spawn(Arc::clone(&controller).keep_in_touch(client::http().unwrap()));
    let seq = town.seq().await;
    until(|| controller.known().1 >= seq).await;
    // It is switched off: nobody writes to its disk any more.
    in_touch.abort();
    let _ = in_touch.await;
    let (feed, seq) = controller.known();
    drop(controller);
    town.order("schedule office mon-fri=08:00-18:00").await;
    let http = client::http().unwrap();
    let again = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    assert_eq!(again.known(), (feed.clone(), seq), "what lies on disk");
    let stop = tokio::time::timeout(std::time::Duration::from_millis(500), again.follow(&http, |_| ()));
    assert!(stop.await.is_err(), "the connection stays");
    assert_eq!(again.known(), (feed.clone(), seq + 1));
    assert!(folder.read("delta.pages").unwrap().is_some(), "told as a change, not as everything");
    // Old records are gone: everything is told.
    town.platform
        .store
        .write::<_, StoreError, _>(|tx| {
            Box::pin(async move { tx.execute("DELETE FROM gate_feed", params![]).await })
        })
        .await
        .unwrap();
    town.order("schedule night mon-sun=20:00-24:00").await;
    let fresh = Controller::open(folder.clone(), Arc::new(SystemClock)).unwrap();
    let _ = tokio::time::timeout(std::time::Duration::from_millis(500), fresh.follow(&http, |_| ())).await;
    assert_eq!(fresh.known(), (feed, seq + 2));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_knows_the_grants_of_its_zones_and_no_others() {
    let town = Town::new(3).await;
    let agency = town.agency().await;
    let (folder, _) = town.controller("front").await;
    town.order(&format!("zone vault --agency {agency} --ko 금고 --en Vault --critical")).await;
    let controller = town.running(&folder).await;
    let person = crate::personnel::demo_data::person(1);
    town.order(&format!("grant --zone vault --person {} {}", person.agency, person.number)).await;
    town.order(&format!("grant --zone hall --person {} {}", person.agency, person.number)).await;
    let seq = town.seq().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(controller.standing()["grants"], 0, "the phone never asked for a pass: {seq}");
    town.phone(1).await;
    let seq = town.seq().await;
    until(|| controller.known().1 >= seq).await;
    assert_eq!(controller.standing()["grants"], 1, "the hall's, not the vault's");
    // A door into the vault: now its grants come too.
    let id = controller.standing()["controller"].as_str().unwrap().to_owned();
    town.order(&format!("door --controller {id} --zone vault --ko 금고문 --en Vault")).await;
    until(|| controller.standing()["grants"] == 2).await;
    assert_eq!(controller.doors().len(), 2);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_feed_makes_every_controller_take_everything_anew() {
    let town = Town::new(1).await;
    let (folder, _) = town.controller("front").await;
    let phone = town.phone(0).await;
    town.change(&phone.badge, "suspend").await;
    let controller = town.running(&folder).await;
    let (feed, _) = controller.known();
    town.order("renew-feed").await;
    until(|| controller.known().0 != feed).await;
    assert_eq!(controller.standing()["stopped"], 1);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_and_a_first_pass_that_race_find_each_other() {
    let town = Arc::new(Town::new(8).await);
    let (folder, _) = town.controller("front").await;
    let controller = town.running(&folder).await;
    for n in 0..8 {
        let person = crate::personnel::demo_data::person(n);
        let line = format!("grant --zone hall --person {} {}", person.agency, person.number);
        let granting = Arc::clone(&town);
        let grant = tokio::spawn(async move { granting.order(&line).await });
        town.phone(usize::try_from(n).unwrap()).await;
        grant.await.unwrap();
    }
    until(|| controller.standing()["grants"] == 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_controller_was_told_outlives_a_restore_of_an_older_backup() {
    use crate::operations::restore::Remembered;
    use crate::operations::transfer::backup;
    let town = Town::new(3).await;
    let (folder, _) = town.controller("one").await;
    let (known, later) = (town.phone(0).await, 1);
    let out = town.folder.join("backup");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    backup::make(&town.platform.store, &out, clock, &mut |_, _| {}).await.unwrap();
    // After the backup: a new badge; both are stopped, and the controller hears of it.
    let unknown = town.phone(later).await;
    let controller = town.running(&folder).await;
    town.change(&known.badge, "suspend").await;
    town.change(&unknown.badge, "suspend").await;
    let seq = town.seq().await;
    until(|| controller.known().1 >= seq).await;

    let remembered = Remembered { controllers: vec![town.folder.join("one")], ..Remembered::default() };
    let (restored, closed) = town.platform.restored(&out, &remembered).await.unwrap();
    assert_eq!((closed.gates.controllers, closed.gates.suspended, closed.gates.unknown), (1, 1, 1));
    let badge = lifecycle::Badge::find(&restored.store, &known.badge).await.unwrap().unwrap();
    assert_eq!(badge.state, lifecycle::BadgeState::Suspended);
    let sql = "SELECT COUNT(*) AS n FROM gate_badge WHERE stopped_at IS NOT NULL";
    assert_eq!(restored.store.fetch_one(sql, params![]).await.unwrap().int("n").unwrap(), 2, "told on, both");
    let sql = "SELECT feed, seq FROM gate_feed_head WHERE id = 1";
    let (old, new) =
        (town.platform.store.fetch_one(sql, params![]), restored.store.fetch_one(sql, params![]));
    let (old, new) = (old.await.unwrap(), new.await.unwrap());
    assert_ne!(old.text("feed").unwrap(), new.text("feed").unwrap());
    assert!(new.int("seq").unwrap() > old.int("seq").unwrap());

    // Pages that the feed did not sign prove nothing, wherever they lie.
    let forged = Folder::open(&town.folder.join("forged")).unwrap();
    forged.replace("controller.json", folder.read("controller.json").unwrap().unwrap().as_bytes()).unwrap();
    for name in ["snapshot.pages", "delta.pages"] {
        let text = folder.read(name).unwrap().unwrap_or_default();
        let bent: String = text.lines().map(|line| format!("{}AAAA\n", &line[..line.len() - 4])).collect();
        forged.replace(name, bent.as_bytes()).unwrap();
    }
    let theirs = Remembered { controllers: vec![town.folder.join("forged")], ..Remembered::default() };
    assert!(town.platform.restored(&out, &theirs).await.is_err());
    town.close().await;
}
