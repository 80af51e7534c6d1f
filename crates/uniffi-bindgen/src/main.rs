//! Writes the bindings: `uniffi-bindgen generate --language kotlin --out-dir FOLDER LIBRARY`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
