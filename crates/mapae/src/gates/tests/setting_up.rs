//! What an operator sets up, and what the explanation says of it.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_explanation_says_what_the_door_would() {
    let town = Town::new(2).await;
    let agency = town.agency().await;
    town.controller("front").await;
    town.phone(0).await;
    let person = crate::personnel::demo_data::person(0);
    let ask = |at: &str| {
        format!("explain --zone hall --agency {} --number {} --at {at}", person.agency, person.number)
    };
    let tuesday = "2026-12-01T10:00:00+09:00";
    assert_eq!(town.order(&ask(tuesday)).await["code"], "no_grant");
    town.order("schedule office mon-fri=08:00-18:00").await;
    let granted = town.order(&format!("grant --zone hall --of-agency {agency} --schedule office")).await;
    let told = town.order(&ask(tuesday)).await;
    assert_eq!((&told["opens"], &told["grant"]), (&true.into(), &granted["grant"]));
    assert_eq!(town.order(&ask("2026-12-01T18:00:00+09:00")).await["code"], "outside_schedule");
    assert_eq!(town.order(&ask("2026-12-06T10:00:00+09:00")).await["code"], "outside_schedule", "a Sunday");
    let file = town.folder.join("holidays");
    std::fs::write(&file, "# 예시\n2026-12-01\n").unwrap();
    town.order(&format!("holidays {}", file.display())).await;
    assert_eq!(town.order(&ask(tuesday)).await["code"], "holiday");
    town.order(&format!("end-grant {}", granted["grant"].as_str().unwrap())).await;
    assert_eq!(town.order(&ask(tuesday)).await["code"], "no_grant");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_of_bounds_is_not_set_up() {
    let town = Town::new(1).await;
    let agency = town.agency().await;
    town.controller("front").await;
    for line in [
        format!("zone bad/id --agency {agency} --ko 구역 --en Zone"),
        "zone ok --agency 0000000 --ko 구역 --en Zone".to_owned(),
        "door --controller none --zone hall --ko 문 --en Door".to_owned(),
        format!("grant --zone nowhere --of-agency {agency}"),
        format!("grant --zone hall --of-agency {agency} --schedule none"),
        format!(
            "grant --zone hall --of-agency {agency} --from 2026-12-02T00:00:00Z --until 2026-12-01T00:00:00Z"
        ),
        "grant --zone hall".to_owned(),
        "schedule s mon-fri=18:00-08:00".to_owned(),
        "schedule s fri-mon=08:00-18:00".to_owned(),
        "end none".to_owned(),
        "end-grant none".to_owned(),
    ] {
        let words = std::iter::once("gate").chain(line.split_whitespace());
        let command = <Line as clap::Parser>::try_parse_from(words).unwrap().command;
        assert!(perform(&town.platform.platform, command).await.is_err(), "{line}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_is_changed_whatever_letter_its_id_begins_with() {
    let town = Town::new(1).await;
    let (folder, _) = town.controller("front").await;
    let id = folder.papers().unwrap().unwrap().0.controller;
    for first in [0xf8, 0xfc, 0] {
        let mut bytes = [7; 16];
        bytes[0] = first;
        let name = String::from(GateRef(bytes));
        let line = format!("door --controller {id} --zone hall --ko 옆문 --en Side --id {name}");
        assert_eq!(town.order(&line).await["door"], name.as_str());
    }
    town.close().await;
}
