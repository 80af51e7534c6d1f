//! What `web/platform.js` lends, with types.

use js_sys::{Array, Uint8Array};
use wallet::account::passkey::{PRF_SALT, PRF_VAULT};
use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = mapae, js_name = recordGet, catch)]
    async fn record_get(name: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = recordPut, catch)]
    async fn record_put(name: &str, bytes: Uint8Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = recordDelete, catch)]
    async fn record_delete(name: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = recordNames, catch)]
    async fn record_names() -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = mapae, js_name = keyGenerate, catch)]
    async fn key_generate(name: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = keySign, catch)]
    async fn key_sign(name: &str, message: Uint8Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = keyDelete, catch)]
    async fn key_delete(name: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = localSeal, catch)]
    async fn local_seal(name: &str, plain: Uint8Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = localOpen, catch)]
    async fn local_open(name: &str, sealed: Uint8Array) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, catch)]
    async fn erase() -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, catch)]
    async fn persist() -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = mapae, js_name = http, catch)]
    async fn http_send(
        method: &str,
        url: &str,
        headers: Array,
        body: JsValue,
        most: f64,
        language: &str,
        milliseconds: f64,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = mapae, js_name = hasPasskeys, catch)]
    async fn passkeys_here() -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = passkeyCreate, catch)]
    async fn passkey_create_with(
        json: &str,
        first: Uint8Array,
        second: Uint8Array,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = passkeyGet, catch)]
    async fn passkey_get_with(json: &str, first: Uint8Array, second: Uint8Array) -> Result<JsValue, JsValue>;
    type PasskeyValue;
    #[wasm_bindgen(method, getter)]
    fn json(this: &PasskeyValue) -> String;
    #[wasm_bindgen(method, getter)]
    fn first(this: &PasskeyValue) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn second(this: &PasskeyValue) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn prf(this: &PasskeyValue) -> bool;

    #[wasm_bindgen(js_namespace = mapae, js_name = cameraStart, catch)]
    async fn camera_start_in(video: &JsValue, found: &JsValue) -> Result<JsValue, JsValue>;
    /// Switches the camera off; no error if it is not on.
    #[wasm_bindgen(js_namespace = mapae, js_name = cameraStop)]
    pub fn camera_stop();
    #[wasm_bindgen(js_namespace = mapae, js_name = readPicture, catch)]
    async fn read_picture_of(file: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = mapae, catch)]
    async fn serve(ready: &JsValue) -> Result<JsValue, JsValue>;
    /// Lets the version that waits take over, and starts again with it.
    #[wasm_bindgen(js_namespace = mapae)]
    pub fn update();
    #[wasm_bindgen(js_namespace = mapae, catch)]
    async fn hold(steal: bool, lost: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = mapae)]
    fn place() -> PlaceValue;
    type PlaceValue;
    #[wasm_bindgen(method, getter)]
    fn agent(this: &PlaceValue) -> String;
    #[wasm_bindgen(method, getter)]
    fn touch(this: &PlaceValue) -> bool;
    #[wasm_bindgen(method, getter)]
    fn installed(this: &PlaceValue) -> bool;
    #[wasm_bindgen(method, getter)]
    fn language(this: &PlaceValue) -> String;

    #[wasm_bindgen(js_namespace = mapae, js_name = pushSubscribe, catch)]
    async fn push_subscribe(key: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = pushUnsubscribe, catch)]
    async fn push_unsubscribe() -> Result<JsValue, JsValue>;
    /// `missing`, or what the person decided about notices: `default`, `granted`, `denied`.
    #[wasm_bindgen(js_namespace = mapae, js_name = pushState)]
    pub fn push_state() -> String;
    #[wasm_bindgen(js_namespace = mapae, js_name = onNotice)]
    fn on_notice_call(heard: &JsValue);
    /// Shows the wallet's own address instead of the one it was opened with.
    #[wasm_bindgen(js_namespace = mapae, js_name = forgetAddress)]
    pub fn forget_address();
    /// Whether the browser offers its own install dialogue now.
    #[wasm_bindgen(js_namespace = mapae, js_name = canInstall)]
    pub fn can_install() -> bool;
    #[wasm_bindgen(js_namespace = mapae, catch)]
    async fn install() -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, catch)]
    async fn copy(text: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, catch)]
    async fn paste() -> Result<JsValue, JsValue>;
    /// Hands a file to the person.
    #[wasm_bindgen(js_namespace = mapae)]
    pub fn save(name: &str, kind: &str, text: &str);
    #[wasm_bindgen(js_namespace = mapae, js_name = save)]
    fn save_content(name: &str, kind: &str, content: Uint8Array);
    #[wasm_bindgen(js_namespace = mapae, js_name = addressOf)]
    fn address_of_content(kind: &str, content: Uint8Array) -> String;
    /// Ends an address that [`address_of`] gave.
    #[wasm_bindgen(js_namespace = mapae, js_name = endAddress)]
    pub fn end_address(address: &str);
    /// Whether the browser shows a PDF within a page.
    #[wasm_bindgen(js_namespace = mapae, js_name = showsPdf)]
    pub fn shows_pdf() -> bool;
    #[wasm_bindgen(js_namespace = mapae, js_name = meetFirst, catch)]
    async fn meet_first_at(address: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = meetAnswer)]
    fn meet_answer_with(message: Uint8Array);
    /// Closes the WebSocket of a meeting, if one is open.
    #[wasm_bindgen(js_namespace = mapae, js_name = meetEnd)]
    pub fn meet_end();

    #[wasm_bindgen(js_namespace = mapae, js_name = after, catch)]
    async fn after_ms(milliseconds: f64) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = mapae, js_name = idle, catch)]
    async fn idle_moment() -> Result<JsValue, JsValue>;

    type HttpValue;
    #[wasm_bindgen(method, getter)]
    fn status(this: &HttpValue) -> u16;
    #[wasm_bindgen(method, getter)]
    fn headers(this: &HttpValue) -> Array;
    #[wasm_bindgen(method, getter)]
    fn body(this: &HttpValue) -> Uint8Array;
}

/// What went wrong, by the browser's own name for it (`NotAllowedError`, `QuotaExceededError`, …).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The name.
    pub name: String,
    /// The browser's words; they hold no personal data, as none goes into these calls but bytes.
    pub text: String,
}

impl From<JsValue> for Failure {
    fn from(value: JsValue) -> Failure {
        match value.dyn_into::<js_sys::Error>() {
            Ok(error) => Failure { name: error.name().into(), text: error.message().into() },
            // A DOMException is no Error to wasm-bindgen, but has the same two members.
            Err(other) => {
                let member = |name: &str| js_sys::Reflect::get(&other, &name.into()).ok()?.as_string();
                Failure {
                    name: member("name").unwrap_or_else(|| "Error".to_owned()),
                    text: member("message").unwrap_or_default(),
                }
            }
        }
    }
}

fn bytes(value: JsValue) -> Vec<u8> {
    value.dyn_into::<Uint8Array>().map(|array| array.to_vec()).unwrap_or_default()
}

fn array(bytes: &[u8]) -> Uint8Array {
    Uint8Array::from(bytes)
}

/// A record of the database, if there is one.
pub async fn record(name: &str) -> Result<Option<Vec<u8>>, Failure> {
    let value = record_get(name).await?;
    Ok((!value.is_undefined()).then(|| bytes(value)))
}

/// Writes a record; it is on disk when this returns.
pub async fn put_record(name: &str, content: &[u8]) -> Result<(), Failure> {
    record_put(name, array(content)).await?;
    Ok(())
}

/// Deletes a record; one that is not there is no error.
pub async fn delete_record(name: &str) -> Result<(), Failure> {
    record_delete(name).await?;
    Ok(())
}

/// The names of all records.
pub async fn records() -> Result<Vec<String>, Failure> {
    let names = record_names().await?;
    Ok(Array::from(&names).iter().filter_map(|name| name.as_string()).collect())
}

/// Makes a P-256 key that no script can read; returns the public point (65 bytes, uncompressed).
pub async fn generate_key(name: &str) -> Result<Vec<u8>, Failure> {
    Ok(bytes(key_generate(name).await?))
}

/// Signs by ECDSA with SHA-256; `r ‖ s`.
pub async fn sign(name: &str, message: &[u8]) -> Result<Vec<u8>, Failure> {
    Ok(bytes(key_sign(name, array(message)).await?))
}

/// Forgets a key.
pub async fn delete_key(name: &str) -> Result<(), Failure> {
    key_delete(name).await?;
    Ok(())
}

/// Seals under a key of this browser profile that no script can read; the key is made when first asked for.
pub async fn seal_here(name: &str, plain: &[u8]) -> Result<Vec<u8>, Failure> {
    Ok(bytes(local_seal(name, array(plain)).await?))
}

/// Opens what [`seal_here`] sealed.
pub async fn open_here(name: &str, sealed: &[u8]) -> Result<Vec<u8>, Failure> {
    Ok(bytes(local_open(name, array(sealed)).await?))
}

/// Deletes everything this app keeps in this browser but its own files.
pub async fn erase_all() -> Result<(), Failure> {
    erase().await?;
    Ok(())
}

/// Asks that the browser never clears this app's data by itself; whether it agreed.
pub async fn ask_to_persist() -> bool {
    persist().await.ok().and_then(|value| value.as_bool()).unwrap_or(false)
}

/// What came back from a server.
#[derive(Debug)]
pub struct HttpAnswer {
    /// Status code; 0 where a redirect was not followed.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// At most what was allowed.
    pub body: Vec<u8>,
}

/// One request, without cookies, cache or redirects. Failures are named `Unreachable`, `AnswerLost` or `TooLarge`.
pub async fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
    most: usize,
    language: &str,
    milliseconds: u32,
) -> Result<HttpAnswer, Failure> {
    let list: Array = headers
        .iter()
        .map(|(name, value)| Array::of2(&JsValue::from_str(name), &JsValue::from_str(value)))
        .collect();
    let body = body.map_or(JsValue::UNDEFINED, |body| array(body).into());
    let sent = http_send(method, url, list, body, most as f64, language, milliseconds.into()).await?;
    let answer: HttpValue = sent.unchecked_into();
    let flat: Vec<String> = answer.headers().iter().filter_map(|text| text.as_string()).collect();
    let pairs = flat.chunks_exact(2).filter_map(|pair| match pair {
        [name, value] => Some((name.clone(), value.clone())),
        _ => None,
    });
    Ok(HttpAnswer { status: answer.status(), headers: pairs.collect(), body: answer.body().to_vec() })
}

/// What the browser made of a passkey.
pub struct PasskeyAnswer {
    /// The credential as WebAuthn's JSON, for the server; it holds nothing of the PRF.
    pub credential: serde_json::Value,
    /// The PRF secrets for the vault and for the salt, where the passkey has them.
    pub secrets: Option<Secrets>,
    /// Whether the passkey has a PRF, though it may give its secrets only when it is used.
    pub prf: bool,
}

/// What the PRF gave for the vault, and for the salt where the passkey evaluates two.
pub type Secrets = (Secret32, Option<Secret32>);

/// 32 secret bytes.
pub type Secret32 = Zeroizing<[u8; 32]>;

fn secret(value: JsValue) -> Option<Secret32> {
    let bytes = Zeroizing::new(bytes(value));
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

impl PasskeyAnswer {
    fn of(value: JsValue) -> Result<PasskeyAnswer, Failure> {
        let value: PasskeyValue = value.unchecked_into();
        let credential = serde_json::from_str(&value.json())
            .map_err(|error| Failure { name: "DataError".to_owned(), text: error.to_string() })?;
        let second = secret(value.second());
        Ok(PasskeyAnswer {
            credential,
            secrets: secret(value.first()).map(|first| (first, second)),
            prf: value.prf(),
        })
    }
}

/// Whether this device has a platform authenticator that verifies its user.
pub async fn has_passkeys() -> bool {
    passkeys_here().await.ok().and_then(|value| value.as_bool()).unwrap_or(false)
}

/// Makes a passkey by the server's options (WebAuthn JSON).
pub async fn create_passkey(options: &serde_json::Value) -> Result<PasskeyAnswer, Failure> {
    let made = passkey_create_with(&options.to_string(), array(PRF_VAULT), array(PRF_SALT)).await?;
    PasskeyAnswer::of(made)
}

/// Uses a passkey by options (WebAuthn JSON).
pub async fn use_passkey(options: &serde_json::Value) -> Result<PasskeyAnswer, Failure> {
    let used = passkey_get_with(&options.to_string(), array(PRF_VAULT), array(PRF_SALT)).await?;
    PasskeyAnswer::of(used)
}

/// Shows the camera in a video element and calls back once, with the first QR code's text.
pub async fn camera_start(video: &JsValue, found: impl FnOnce(String) + 'static) -> Result<(), Failure> {
    let found = Closure::once_into_js(move |text: String| found(text));
    camera_start_in(video, &found).await?;
    Ok(())
}

/// The text of a QR code on a picture file.
pub async fn read_picture(file: &JsValue) -> Result<Option<String>, Failure> {
    Ok(read_picture_of(file).await?.as_string())
}

/// Registers the service worker; `ready` hears of a newer version that waits.
pub async fn serve_offline(ready: impl FnMut() + 'static) -> Result<(), Failure> {
    let ready = Closure::wrap(Box::new(ready) as Box<dyn FnMut()>).into_js_value();
    serve(&ready).await?;
    Ok(())
}

/// Takes the one lock of this app; `lost` hears when another tab takes it away. Whether it was to be had.
pub async fn hold_alone(steal: bool, lost: impl FnMut() + 'static) -> bool {
    let lost = Closure::wrap(Box::new(lost) as Box<dyn FnMut()>).into_js_value();
    hold(steal, &lost).await.ok().and_then(|value| value.as_bool()).unwrap_or(false)
}

/// Where the app runs: user agent, whether fingers use it, whether it is installed, the browser's language.
pub fn surroundings() -> (String, bool, bool, String) {
    let place = place();
    (place.agent(), place.touch(), place.installed(), place.language())
}

/// Opens the browser's own install dialogue; whether the person agreed.
pub async fn ask_to_install() -> bool {
    install().await.ok().and_then(|value| value.as_bool()).unwrap_or(false)
}

/// Puts a text on the clipboard.
pub async fn to_clipboard(text: &str) -> Result<(), Failure> {
    copy(text).await?;
    Ok(())
}

/// The text on the clipboard.
pub async fn from_clipboard() -> Result<String, Failure> {
    Ok(paste().await?.as_string().unwrap_or_default())
}

/// Waits.
pub async fn wait(milliseconds: u32) {
    // A timer that the browser refuses is no reason not to go on.
    let _ = after_ms(milliseconds.into()).await;
}

/// Waits until the browser has nothing better to do.
pub async fn until_idle() {
    let _ = idle_moment().await;
}

/// Subscribes to notices; `key` is the server's (base64url). The subscription as JSON.
pub async fn subscribe_push(key: &str) -> Result<serde_json::Value, Failure> {
    let text = push_subscribe(key).await?.as_string().unwrap_or_default();
    serde_json::from_str(&text)
        .map_err(|error| Failure { name: "DataError".to_owned(), text: error.to_string() })
}

/// Ends the subscription; none is no error.
pub async fn unsubscribe_push() -> Result<(), Failure> {
    push_unsubscribe().await?;
    Ok(())
}

/// Calls back with the kind of each notice that comes while the app is open.
pub fn on_notice(heard: impl FnMut(String) + 'static) {
    let heard = Closure::wrap(Box::new(heard) as Box<dyn FnMut(String)>).into_js_value();
    on_notice_call(&heard);
}

/// Hands a file of bytes to the person.
pub fn save_bytes(name: &str, kind: &str, content: &[u8]) {
    save_content(name, kind, array(content));
}

/// An address of these very bytes within this tab, until it is ended.
pub fn address_of(kind: &str, content: &[u8]) -> String {
    address_of_content(kind, array(content))
}

/// Waits at a WebSocket for the first message of whoever calls.
pub async fn meet_first(address: &str) -> Result<Vec<u8>, Failure> {
    Ok(bytes(meet_first_at(address).await?))
}

/// Sends the last message of a meeting.
pub fn meet_answer(message: &[u8]) {
    meet_answer_with(array(message));
}
