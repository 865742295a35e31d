//! TLS: certificate and key of `tls/` belong to these tests alone.

use super::{Fixture, now};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tm_server::{Options, ServeError, TlsFiles};
use tm_store::{NewUser, Store};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rest/tls").join(name)
}

fn options(certificate: &str, key: &str) -> Options {
    Options {
        address: "127.0.0.1:0".parse().unwrap(),
        hosts: vec!["Intel.Example".into()],
        tls: Some(TlsFiles { certificate: file(certificate), key: file(key) }),
    }
}

#[tokio::test]
async fn a_server_with_a_certificate_speaks_tls() {
    let fixture = Fixture::with(options("chain.pem", "key.pem"), false).await;
    let password = tm_server::hash_password("a long password").unwrap();
    let new = NewUser { name: "root".into(), role: "admin".into(), password, created: now(), first: true };
    fixture.store.add_user(&new).await.unwrap().unwrap();
    // Connections that never shake hands, or speak plainly, keep nobody waiting.
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(TcpStream::connect(fixture.address).await.unwrap());
    }
    let mut plain = TcpStream::connect(fixture.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let socket = TcpStream::connect(fixture.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let shaken = tokio::time::timeout(Duration::from_secs(8), connector.connect(name, socket)).await;
    let mut socket = shaken.expect("a handshake in time").unwrap();
    let body = "{\"name\": \"root\", \"password\": \"a long password\"}";
    let request = format!(
        "POST /api/v1/session HTTP/1.1\r\nHost: intel.example\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("set-cookie: __Host-threatminer=") && text.contains("; Secure"), "{text}");
    assert!(text.contains("strict-transport-security: max-age="), "{text}");
}

#[tokio::test]
async fn files_that_are_none_are_named() {
    for (certificate, key, named) in [
        ("missing.pem", "key.pem", "missing.pem"),
        ("chain.pem", "missing.pem", "missing.pem"),
        ("key.pem", "key.pem", "holds no certificate"),
        ("chain.pem", "ca.pem", "ca.pem"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = tm_store::SqliteStore::open(&folder.path().join("s.db")).await.unwrap();
        let state = tm_server::AppState::new(Arc::new(store), None, String::new());
        let ready = |_: &tm_server::Ready| panic!("it must not serve");
        let served = tm_server::serve(options(certificate, key), state, ready, std::future::pending()).await;
        match served {
            Err(ServeError::Tls(words)) => assert!(words.contains(named), "{words}"),
            other => panic!("{certificate} {key}: {other:?}"),
        }
    }
}
