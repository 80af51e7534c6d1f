//! Every kind of flow gets through, so that a figure of any of them can be had.

use std::time::Duration;

use super::arrivals::{self, End, Model};
use super::ground::Folder;
use super::people::mix;
use super::*;
use crate::operations::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_flow_gets_through() {
    let folder = Folder::make(&std::env::temp_dir()).unwrap();
    let config = ground::configuration(folder.path()).unwrap();
    let plan = Plan { offers: 0, invitations: 30 };
    let laid = ground::laid(folder.path(), config, plan).await.unwrap();
    let file = Prepared::of(&laid).await.unwrap().write(folder.path()).unwrap();
    let server = Server::start(Arc::clone(&laid.platform)).await.unwrap();

    let mix = mix("enrol=1,issue=1,login=1,present=1,sign=1,gate=1").unwrap();
    let people = Arc::new(gathered(&file, &mix).await.unwrap());
    people.ready(4).await.unwrap();
    let run =
        arrivals::run(people, &mix, Model::Open { rate: 12.0, morning: false }, Duration::from_secs(2)).await;
    assert!(run.faults.is_empty(), "{:?}", run.faults);
    for flow in Flow::ALL {
        let done = run.all.iter().filter(|played| played.flow == flow && played.end == End::Done);
        assert!(done.count() > 0, "{}", flow.as_str());
    }
    server.stop().await;
}
