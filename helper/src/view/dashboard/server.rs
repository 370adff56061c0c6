//! Serves the page: GET only, loopback only, one answer for each connection.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::summary::Summary;
use crate::cluster::WeakCluster;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a request that are read at most.
const LONGEST: usize = 16 << 10;
/// Requests that are answered at the same time at most.
const MOST: usize = 32;
/// A browser opens connections ahead, and sends nothing on them.
const PATIENCE: Duration = Duration::from_secs(5);

/// A thread that listens, until this is dropped.
pub(super) struct Server {
    url: String,
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// What every answer needs.
struct Site {
    token: String,
    nonce: String,
    cluster: WeakCluster,
    open: AtomicUsize,
}

struct Answer {
    status: &'static str,
    kind: &'static str,
    body: String,
}

impl Server {
    pub(super) fn start(cluster: WeakCluster) -> Result<Self> {
        let refused = |what: &str, e: &dyn std::fmt::Display| {
            let message = format!("the system gave no {what} for the dashboard ({e}); try again");
            Error::new(ErrorKind::Io, message)
        };
        let random = || random().map_err(|e| refused("random numbers", &e));
        let (token, nonce) = (random()?, random()?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| refused("port", &e))?;
        let address = listener.local_addr().map_err(|e| refused("port", &e))?;
        let url = format!("http://{address}/{token}/");
        let stopped = Arc::new(AtomicBool::new(false));
        let site = Arc::new(Site { token, nonce, cluster, open: AtomicUsize::new(0) });
        let stop = Arc::clone(&stopped);
        let thread = std::thread::Builder::new().name("dashboard".to_owned());
        thread.spawn(move || listen(&listener, &site, &stop)).map_err(|e| refused("thread", &e))?;
        Ok(Self { url, address, stopped })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the thread that listens; if there is no connection to be had, it is gone already.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

/// 128 bits that nobody can guess.
fn random() -> std::result::Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn listen(listener: &TcpListener, site: &Arc<Site>, stopped: &AtomicBool) {
    for stream in listener.incoming() {
        if stopped.load(Ordering::Acquire) {
            return;
        }
        // Out of file handles, say: it may pass.
        let Ok(stream) = stream else {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        if site.open.fetch_add(1, Ordering::AcqRel) >= MOST {
            site.open.fetch_sub(1, Ordering::AcqRel);
            continue;
        }
        let here = Arc::clone(site);
        let served = std::thread::Builder::new().name("dashboard-answer".to_owned()).spawn(move || {
            // A client that goes away in the middle is no matter.
            let _ = serve(stream, &here);
            here.open.fetch_sub(1, Ordering::AcqRel);
        });
        if served.is_err() {
            site.open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn serve(mut stream: TcpStream, site: &Site) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut part = [0; 4096];
    let answer = loop {
        let read = stream.read(&mut part)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&part[..read]);
        if let Some(answer) = site.answer(&request) {
            break answer;
        }
    };
    let Answer { status, kind, body } = answer;
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nAllow: GET\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-{}'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'\r\n\r\n",
        body.len(),
        site.nonce
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    // Closed with something unread, a connection may lose what was just written.
    for _ in 0..MOST {
        if stream.read(&mut part)? == 0 {
            break;
        }
    }
    Ok(())
}

impl Site {
    /// The answer, once the request is complete.
    fn answer(&self, request: &[u8]) -> Option<Answer> {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(request) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) if request.len() <= LONGEST => return None,
            _ => return Some(Answer::plain("400 Bad Request", "This is no request.")),
        }
        // A page of another site whose name was made to lead here names itself, not this machine.
        let mut hosts = parsed.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
        if !matches!((hosts.next(), hosts.next()), (Some(host), None) if is_loopback(host.value)) {
            return Some(Answer::plain("403 Forbidden", "This page is for this machine only."));
        }
        let path = parsed.path.unwrap_or_default();
        let Some(page) = path.strip_prefix('/').and_then(|path| path.strip_prefix(self.token.as_str()))
        else {
            return Some(Answer::plain("404 Not Found", "There is nothing at this address."));
        };
        if parsed.method != Some("GET") {
            return Some(Answer::plain("405 Method Not Allowed", "This page can only be looked at."));
        }
        Some(match page {
            "/" => Answer { status: "200 OK", kind: "text/html", body: self.page() },
            "/state.json" => match self.cluster.upgrade() {
                Some(cluster) => {
                    let body = Summary::of(&cluster).json();
                    Answer { status: "200 OK", kind: "application/json", body }
                }
                None => Answer::plain("410 Gone", "The cluster has ended."),
            },
            _ => Answer::plain("404 Not Found", "There is nothing at this address."),
        })
    }

    fn page(&self) -> String {
        include_str!("page.html")
            .replace("NONCE", &self.nonce)
            .replace("PANELS_CSS", include_str!("panels.css"))
    }
}

impl Answer {
    fn plain(status: &'static str, body: &str) -> Self {
        Self { status, kind: "text/plain", body: body.to_owned() }
    }
}

/// Whether a `Host` names this machine itself; any port, as a tunnel may have another.
fn is_loopback(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}
