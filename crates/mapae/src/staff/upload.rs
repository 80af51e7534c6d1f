//! A form with a file (`multipart/form-data`, RFC 7578), as browsers send it without a script.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest, Multipart, Request};
use http::StatusCode;

use super::extract::{Csrf, Denied, Visitor, csrf_refused, session_of};
use crate::operations::problem::Problem;
use crate::operations::{Platform, limits};

/// Who sends a form with a file. Nothing of the form is read yet, so that a handler says first whether the desk is theirs.
#[derive(Debug)]
pub struct Uploading<W> {
    pub who: W,
    request: Request,
}

/// What was in it.
#[derive(Debug, Default)]
pub struct Upload {
    texts: BTreeMap<String, String>,
    files: BTreeMap<String, Vec<u8>>,
}

impl<W: Visitor + Send> FromRequest<Arc<Platform>> for Uploading<W> {
    type Rejection = Denied;

    async fn from_request(request: Request, platform: &Arc<Platform>) -> Result<Self, Denied> {
        let (parts, body) = request.into_parts();
        let session = session_of(&parts, platform, W::DOOR, Csrf::Form).await?;
        let who = W::of(session, platform).await?;
        Ok(Self { who, request: Request::from_parts(parts, body) })
    }
}

fn unread(error: &MultipartError) -> Denied {
    Problem::of_status(error.status()).into()
}

impl<W: Visitor + Send> Uploading<W> {
    /// Reads it, as far as the route's limit of bodies goes. Its CSRF token (field `csrf`) stands before everything else.
    pub async fn read(self) -> Result<(W, Upload), Denied> {
        let Self { who, request } = self;
        let form = Multipart::from_request(request, &()).await;
        let mut form = form.map_err(|rejection| Problem::of_status(rejection.status()))?;
        let mut upload = Upload::default();
        let mut trusted = false;
        for _ in 0..limits::STAFF_UPLOAD_FIELDS.get() {
            let Some(field) = form.next_field().await.map_err(|error| unread(&error))? else { break };
            let name = field.name().unwrap_or_default().to_owned();
            let is_file = field.file_name().is_some();
            if !trusted && (is_file || name != "csrf") {
                return Err(csrf_refused());
            }
            if is_file {
                let bytes = field.bytes().await.map_err(|error| unread(&error))?;
                upload.files.insert(name, bytes.to_vec());
                continue;
            }
            let text = field.text().await.map_err(|error| unread(&error))?;
            if text.len() > limits::STAFF_UPLOAD_TEXT.size() {
                return Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE).into());
            }
            trusted = trusted || who.owns(&text);
            if !trusted {
                return Err(csrf_refused());
            }
            upload.texts.insert(name, text);
        }
        if trusted { Ok((who, upload)) } else { Err(csrf_refused()) }
    }
}

impl Upload {
    /// What was typed into a field; nothing where there was none.
    pub fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    /// The bytes of a file; none where there was none.
    pub fn take_file(&mut self, name: &str) -> Vec<u8> {
        self.files.remove(name).unwrap_or_default()
    }
}
