use axum::body::Body;
use http::{Request, StatusCode, header};
use tower::ServiceExt as _;

use super::{PAGES, is_here};
use crate::operations::server::public_router;
use crate::testing;

/// With the app in the binary its pages are served; without it each says which command builds it.
#[tokio::test]
async fn the_page_is_the_app_or_says_how_to_build_it() {
    let platform = testing::platform().await;
    for path in PAGES {
        let request = Request::get(path).header(header::ACCEPT, "text/html").body(Body::empty()).unwrap();
        let response = public_router(&platform).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let policy = parts.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        if is_here() {
            assert_eq!(parts.status, StatusCode::OK, "{path}");
            assert!(policy.contains("require-trusted-types-for 'script'"), "{policy}");
        } else {
            assert_eq!(parts.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert!(text.contains("cargo xtask wasm"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_of_the_app_is_not_found() {
    let platform = testing::platform().await;
    for path in ["/wallet/nothing.js", "/wallet/..%2fCargo.toml", "/wallet/app.wasm.gz"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let status = public_router(&platform).oneshot(request).await.unwrap().status();
        let expected = if is_here() { StatusCode::NOT_FOUND } else { StatusCode::SERVICE_UNAVAILABLE };
        assert_eq!(status, expected, "{path}");
    }
}
