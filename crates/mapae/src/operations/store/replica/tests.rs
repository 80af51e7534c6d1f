use super::*;
use crate::operations::store::tests::mark;
use crate::testing::{self, TestPlatform};

impl Store {
    /// This store with another one in the place of its standby, which is believed to keep up.
    pub(crate) fn beside(self, standby: &Self) -> Self {
        self.proven(standby, Some(Instant::now() + limits::STORE_REPLICA_BEHIND.duration() * 10_000))
    }

    fn proven(mut self, standby: &Self, proven: Option<Instant>) -> Self {
        let known = Known { proven, ..Known::default() };
        self.replica = Some(Arc::new(Replica { store: standby.clone(), known: Mutex::new(known) }));
        self
    }
}

fn at(position: i64) -> Standing {
    Standing { system: "7".to_owned(), timeline: "00000001".to_owned(), position }
}

async fn marks(store: &Store) -> Result<i64, StoreError> {
    store.fetch_one("SELECT COUNT(*) AS n FROM once", params![]).await?.int("n")
}

async fn published(store: &Store) -> i64 {
    store.read_published(marks).await.expect("an answer")
}

/// One mark at the primary, none at the other store.
async fn two() -> (TestPlatform, TestPlatform) {
    let (primary, standby) = (testing::platform().await, testing::platform().await);
    assert!(mark(&primary.store, "one".into()).await.expect("written"));
    (primary, standby)
}

#[test]
fn a_standby_is_proven_as_fresh_as_the_last_position_that_it_reached() {
    let begun = Instant::now();
    let moment = |ms: u64| begun + Duration::from_millis(ms);
    let mut known = Known::default();
    known.take(moment(0), &at(100), &at(90)).expect("the same system");
    assert_eq!(known.proven, None, "it has not got there");
    known.take(moment(250), &at(200), &at(150)).expect("the same system");
    assert_eq!(known.proven, Some(moment(0)), "what was durable at first is there, what came then is not");
    known.take(moment(500), &at(200), &at(199)).expect("the same system");
    assert_eq!(known.proven, Some(moment(0)));
    known.take(moment(750), &at(200), &at(200)).expect("the same system");
    assert_eq!(known.proven, Some(moment(750)), "a primary at rest is no lag");
    known.take(moment(800), &at(300), &at(180)).expect("the same system");
    assert_eq!(known.proven, None, "it was started anew, and is not where it was");
    known.take(moment(900), &at(300), &at(300)).expect("the same system");
    assert_eq!(known.proven, Some(moment(900)));
    for ms in 0..1_000 {
        known.take(moment(1_000 + ms), &at(1_000), &at(300)).expect("the same system");
    }
    assert!(known.marks.len() <= MARKS);
    assert_eq!(known.proven, Some(moment(900)));
}

#[test]
fn a_standby_of_another_system_or_another_past_proves_nothing() {
    let others = [
        Standing { timeline: "00000002".to_owned(), ..at(900) },
        Standing { system: "8".to_owned(), ..at(900) },
    ];
    for other in others {
        let mut known = Known::default();
        known.take(Instant::now(), &at(100), &at(100)).expect("the same system");
        assert!(known.proven.is_some());
        let refused = known.take(Instant::now(), &at(100), &other).expect_err("another one").to_string();
        assert!(refused.contains("timeline") && known.proven.is_none(), "{refused}");
    }
}

#[tokio::test]
async fn published_reads_go_to_a_fresh_standby_and_no_other_read_does() {
    let (primary, standby) = two().await;
    let store = primary.store.clone().beside(&standby.store);
    assert_eq!(published(&store).await, 0, "the standby answered");
    assert_eq!(marks(&store).await.expect("count"), 1, "who decides reads the primary");
    assert!(!mark(&store, "one".into()).await.expect("written"), "and writes there");
}

#[tokio::test]
async fn a_standby_that_was_not_proven_within_the_bound_is_not_read() {
    let (primary, standby) = two().await;
    let long_ago = Instant::now().checked_sub(limits::STORE_REPLICA_BEHIND.duration() * 2);
    assert!(long_ago.is_some());
    for proven in [long_ago, None] {
        assert_eq!(published(&primary.store.clone().proven(&standby.store, proven)).await, 1);
    }
}

#[tokio::test]
async fn where_the_standby_fails_or_finds_nothing_the_primary_answers() {
    let (primary, standby) = two().await;
    let store = primary.store.clone();
    let nowhere =
        reader("postgres://nobody@127.0.0.1:1/nothing", Arc::clone(&store.clock)).expect("an address");
    assert_eq!(published(&store.clone().beside(&nowhere)).await, 1, "nobody is there");
    let beside = store.beside(&standby.store);
    let sql = "SELECT id FROM once WHERE id = 'one'";
    let found = beside.read_published(|store| store.fetch_one(sql, params![])).await.expect("found");
    assert_eq!(found.text("id").expect("id"), "one", "begun a moment ago");
}

#[tokio::test]
async fn only_a_standby_of_postgresql_is_taken_for_one() {
    let platform = testing::platform().await;
    let url = platform.config.store.url.clone();
    let opened = platform.store.clone().with_replica(&url);
    if testing::postgres_url().is_none() {
        assert!(opened.expect_err("SQLite").to_string().contains("PostgreSQL"));
        return;
    }
    // The primary itself is none: it has nothing to be behind.
    let store = opened.expect("PostgreSQL");
    let refused = replica_behind(&url, &url, Arc::clone(&store.clock), Duration::ZERO)
        .await
        .expect_err("no standby")
        .to_string();
    assert!(refused.contains("no standby"), "{refused}");
    assert_eq!(published(&store).await, 0, "there are no marks, and the primary says so");
}
