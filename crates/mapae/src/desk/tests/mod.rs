//! The desks as people use them, and as others try to.

mod access;
mod badge_sign_in;
mod badges;
mod figures;
mod my_data;

use http::StatusCode;

use crate::application::tests::Town;
use crate::application::tests::doors::{Visit, csrf_of, form, get, send, sign_in};

/// Somebody signed in at the console.
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

    async fn get(&self, path: &str) -> Visit {
        send(self.town, true, get(path, &self.session)).await
    }

    async fn post(&self, path: &str, body: &str) -> Visit {
        send(self.town, true, form(path, &self.session, &format!("csrf={}&{body}", self.csrf))).await
    }

    async fn read(&self, path: &str) -> String {
        let visit = self.get(path).await;
        assert_eq!(visit.status, StatusCode::OK, "{path}: {}", visit.body);
        visit.body
    }
}
