//! Asks the linker of the WASM to keep what the bundle needs to cut it in two: relocations and symbols.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        println!("cargo:rustc-cdylib-link-arg=--emit-relocs");
    }
}
