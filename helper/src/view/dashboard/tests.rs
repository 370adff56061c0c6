//! What the server answers, and to whom.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use super::server::Server;
use crate::Cluster;

fn connect(port: u16) -> std::io::Result<TcpStream> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
}

fn ask(server: &Server, request: &str) -> String {
    let mut stream = connect(server.port()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(server: &Server, path: &str, host: &str) -> String {
    ask(server, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

fn serving() -> (Cluster, Server, String) {
    let cluster = Cluster::local_with(1).unwrap();
    let server = Server::start(cluster.downgrade()).unwrap();
    let token = server.url().trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
    (cluster, server, token)
}

#[test]
fn only_who_has_the_token_is_answered() {
    let (_cluster, server, token) = serving();
    assert_eq!(token.len(), 32);
    assert!(server.url().starts_with("http://127.0.0.1:"));
    for path in ["/", "/state.json", "//", "/0/", &format!("/{}0/", &token[1..]), &format!("/{token}x")] {
        let answer = get(&server, path, "127.0.0.1");
        assert!(answer.starts_with("HTTP/1.1 404 ") && !answer.contains(&token), "{path}: {answer}");
    }
    for path in ["/", "/state.json"] {
        let answer = get(&server, &format!("/{token}{path}"), "localhost:1234");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
    }
}

#[test]
fn other_hosts_and_methods_are_refused() {
    let (_cluster, server, token) = serving();
    let page = format!("/{token}/");
    for host in
        ["example.org", "127.0.0.1.example.org", "localhost.example.org:80", "", "localhost:x", "0.0.0.0"]
    {
        let answer = get(&server, &page, host);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{host}: {answer}");
    }
    for hosts in ["", "Host: localhost\r\nHost: example.org\r\n"] {
        let answer = ask(&server, &format!("GET {page} HTTP/1.1\r\n{hosts}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
    for method in ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"] {
        let answer = ask(&server, &format!("{method} {page} HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    }
    assert!(ask(&server, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    let long = format!("GET {page} HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(16 << 10));
    assert!(ask(&server, &long).starts_with("HTTP/1.1 400 "));
}

#[test]
fn the_state_is_json_and_ends_with_the_cluster() {
    let (cluster, server, token) = serving();
    cluster.report("10 <trees>", &[("MSE", 0.5)]);
    cluster.get(&cluster.options().name("<b>").remote((), |()| 1)).unwrap();
    let path = format!("/{token}/state.json");
    let answer = get(&server, &path, "127.0.0.1");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let state: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&state["workers"], &state["counts"]["FINISHED"]), (&1.into(), &1.into()));
    assert_eq!(state["results"][0]["metrics"]["MSE"], 0.5);
    assert!(state["cpu"].as_f64().unwrap() > 0.0 && state["memory"].as_u64() <= state["peak"].as_u64());
    let html = state["html"].as_str().unwrap();
    assert!(html.contains("&lt;b&gt;") && html.contains("10 &lt;trees&gt;") && !html.contains("<trees>"));
    drop(cluster);
    assert!(get(&server, &path, "127.0.0.1").starts_with("HTTP/1.1 410 "));
    let port = server.port();
    drop(server);
    // The thread that listens has been told; it goes as soon as it gets to it.
    while connect(port).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn one_page_serves_all_calls_and_goes_with_the_cluster() {
    let cluster = Cluster::local_with(1).unwrap();
    let port = {
        let (one, two) = (cluster.dashboard().unwrap(), cluster.dashboard().unwrap());
        assert_eq!(one.url(), two.url());
        assert!(!format!("{one:?}").contains("http"));
        one.server.port()
    };
    assert!(connect(port).is_ok());
    drop(cluster);
    while connect(port).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
}
