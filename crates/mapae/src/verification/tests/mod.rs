//! Relying parties and their verification API.

mod foreign;
mod pages;
mod pick_up;
mod queries;
mod registry;
mod webhook;

use credential::path::ClaimPath;
use credential::sd_jwt::{KeyBinding, SdJwt};
use http::StatusCode;
use http::header::AUTHORIZATION;
use keys::{SecretKey, Signer};
use openid::vp::VpToken;
use serde_json::Value;

use crate::login::tests::support::{Asked, Reply, World};

/// Asks for a verification as the portal.
async fn create(world: &World, body: Value) -> Reply {
    let key = format!("Bearer {}", world.secrets.api_key.clone().unwrap());
    world.post_json("/api/v1/verifications", &body, &[(AUTHORIZATION, &key)]).await
}

/// The same, and it must be taken.
async fn created(world: &World, body: Value) -> Value {
    let reply = create(world, body).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
    reply.json()
}

/// Looks at a verification as the portal.
async fn pick_up(world: &World, path: &str, key: &str) -> Reply {
    let request = http::Request::get(format!("/api/v1/verifications/{path}"))
        .header(AUTHORIZATION, format!("Bearer {key}"))
        .body(axum::body::Body::empty());
    world.send(request.unwrap()).await
}

async fn result(world: &World, created: &Value) -> Value {
    let key = world.secrets.api_key.clone().unwrap();
    pick_up(world, created["id"].as_str().unwrap(), &key).await.json()
}

/// A presentation of these claims, bound.
fn bind(credential: &str, claims: &[&str], holder: &SecretKey, binding: &KeyBinding<'_>) -> String {
    let paths: Vec<ClaimPath> = claims.iter().map(|name| ClaimPath::claim(name)).collect();
    let bound = SdJwt::parse(credential).unwrap().select(&paths).unwrap().key_binding(binding);
    let signature = holder.sign(bound.as_bytes()).unwrap();
    bound.finish(&signature)
}

/// What binds a presentation to a request.
fn binding<'a>(world: &World, asked: &'a Asked) -> KeyBinding<'a> {
    KeyBinding {
        nonce: asked.request.nonce(),
        audience: asked.request.audience(),
        issued_at: world.platform.now_ms() / 1_000,
        transaction_data_hashes: &[],
    }
}

/// Posts presentations, each for its query.
async fn answer(world: &World, asked: &Asked, presentations: &[(&str, &str)]) -> Reply {
    let mut token = VpToken::default();
    for (query, presentation) in presentations {
        token.push(query, (*presentation).to_owned());
    }
    let post = asked.request.respond(&token).unwrap();
    world.post_form(&post.url, &post.form, &[]).await
}
