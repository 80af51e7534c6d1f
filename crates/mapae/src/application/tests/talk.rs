//! Comments, and what changed since an application was sent.

use super::doors::{csrf_of, form, get, send, sign_in};
use super::*;
use crate::application::comment::{CommentError, comments, say};
use crate::operations::store::params;

async fn kept(town: &Town) -> i64 {
    let row = town.store.fetch_one("SELECT COUNT(*) AS n FROM application_said", params![]).await.unwrap();
    row.int("n").unwrap()
}

#[tokio::test]
async fn those_who_may_see_an_application_talk_about_it_and_the_applicant_reads_what_is_meant_for_them() {
    let town = town().await;
    town.account("gong", OFFICIAL).await;
    let application = town.applied(OFFICIAL).await;
    let head = town.actor(HEAD).await;
    say(&town, &head, &application.id, "안에서만 봅니다", false).await.unwrap();
    say(&town, &town.actor(HR_ONE).await, &application.id, "사진을 확인해 주세요", true).await.unwrap();
    for (n, hidden) in [(OFFICIAL, true), (STRANGER, true), (OPERATOR, true), (AUDITOR, false)] {
        let refused = say(&town, &town.actor(n).await, &application.id, "x", false).await;
        match refused {
            Err(CommentError::See(_)) if hidden => {}
            Err(CommentError::Forbidden) if !hidden => {}
            other => panic!("{n}: {other:?}"),
        }
    }
    for text in ["", "   ", &*"가".repeat(501)] {
        let refused = say(&town, &head, &application.id, text, false).await;
        assert!(matches!(refused, Err(CommentError::Length)), "{refused:?}");
    }
    let home = send(&town, false, get("/portal", &sign_in(&town, false, "gong").await)).await.body;
    assert!(home.contains("사진을 확인해 주세요") && !home.contains("안에서만 봅니다"));
    let desk = sign_in(&town, true, "person383").await;
    let page = send(&town, true, get(&format!("/applications/{}", application.id), &desk)).await.body;
    assert!(page.contains("안에서만 봅니다"), "an auditor reads all of it");
    assert!(!page.contains("/comments\""), "and is offered no way to write");
    let row = town
        .store
        .fetch_one("SELECT COUNT(*) AS n FROM audit_record WHERE act = 'application.comment'", params![])
        .await
        .unwrap();
    assert_eq!(row.int("n").unwrap(), 2);
    let sealed =
        town.store.fetch_one("SELECT body FROM application_comment LIMIT 1", params![]).await.unwrap();
    assert!(!String::from_utf8_lossy(&sealed.bytes("body").unwrap()).contains("봅니다"), "it lies sealed");
}

#[tokio::test]
async fn an_hr_manager_reads_nothing_internal_about_their_own_application() {
    let town = town().await;
    let application = town.applied(HR_ONE).await;
    say(&town, &town.actor(HR_TWO).await, &application.id, "안에서만 봅니다", false).await.unwrap();
    let own = say(&town, &town.actor(HR_ONE).await, &application.id, "좋은 사람입니다", false).await;
    assert!(matches!(own, Err(CommentError::Forbidden | CommentError::See(_))), "{own:?}");
    let desk = sign_in(&town, true, "person380").await;
    let page = send(&town, true, get(&format!("/applications/{}", application.id), &desk)).await.body;
    assert!(!page.contains("안에서만 봅니다"));
}

#[tokio::test]
async fn comments_have_a_bound_and_nothing_in_them_is_run() {
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    let head = town.actor(HEAD).await;
    for n in 0..100 {
        say(&town, &head, &application.id, &format!("<script>{n}"), false).await.unwrap();
    }
    let full = say(&town, &head, &application.id, "하나 더", false).await;
    assert!(matches!(full, Err(CommentError::TooMany)), "{full:?}");
    assert_eq!(comments(&town, &application.id, false).await.unwrap().len(), 100);
    let desk = sign_in(&town, true, "person380").await;
    let page = send(&town, true, get(&format!("/applications/{}", application.id), &desk)).await.body;
    assert!(page.contains("&#60;script&#62;") && !page.contains("<script>1"));
}

#[tokio::test]
async fn what_changed_since_it_was_sent_stands_side_by_side_until_the_application_ends() {
    let town = town().await;
    let application = town.applied(OFFICIAL).await;
    assert_eq!(kept(&town).await, 1);
    let desk = sign_in(&town, true, "person380").await;
    let path = format!("/applications/{}", application.id);
    assert!(!send(&town, true, get(&path, &desk)).await.body.contains("신청 뒤 바뀐 내용"));
    let line = demo_data::employee_csv(OFFICIAL);
    let person = demo_data::person(OFFICIAL);
    let record = personnel::employee_by_number(&town, person.agency, &person.number).await.unwrap().unwrap();
    let renamed = line.replace(&record.position.ko, "예시새직위");
    assert_ne!(renamed, line);
    let later = format!("{}{renamed}", demo_data::EMPLOYEE_HEADINGS);
    town.import(&later).await;
    let page = send(&town, true, get(&path, &desk)).await.body;
    assert!(page.contains("신청 뒤 바뀐 내용"), "{page}");
    assert!(page.contains(&record.position.ko) && page.contains("예시새직위"));
    let list = send(&town, true, get("/applications", &desk)).await.body;
    assert!(list.contains("인사 기록이 바뀜"), "the list says that something changed");
    crate::application::withdraw(&town, &application.employee_id, &application.id).await.unwrap();
    assert_eq!(kept(&town).await, 0, "nothing of it is kept afterwards");
    let body = format!("csrf={}&text=", csrf_of(&page));
    let empty = send(&town, true, form(&format!("{path}/comments"), &desk, &body)).await;
    assert_eq!(empty.status, http::StatusCode::UNPROCESSABLE_ENTITY);
}
