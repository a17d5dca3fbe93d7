//! Names without a name server.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A CONNECT proxy that knows a few names: given as `HTTPS_PROXY` to a client (and to [`crate::Dockerd`]) it makes
/// `registry.example.com:443` a server on loopback. Clients verify TLS for such names, which Docker does not for
/// loopback names. Serves until the test process ends. One that knows no name shows, as `HTTPS_PROXY` and `HTTP_PROXY`,
/// which hosts besides loopback a client wanted.
#[derive(Debug)]
pub struct ConnectProxy {
    address: SocketAddr,
    refused: Arc<Mutex<Vec<String>>>,
}

impl ConnectProxy {
    /// Starts it with pairs of `host:port` and the address that this name means. Other names are refused.
    pub fn start(names: &[(&str, SocketAddr)]) -> Self {
        let names: Arc<BTreeMap<String, SocketAddr>> = Arc::new(
            names
                .iter()
                .map(|&(name, address)| (name.to_owned(), address))
                .collect(),
        );
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let refused = Arc::default();
        let log = Arc::clone(&refused);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (names, log) = (Arc::clone(&names), Arc::clone(&log));
                // A connection that breaks is the client's to report.
                std::thread::spawn(move || drop(serve(client, &names, &log)));
            }
        });
        Self { address, refused }
    }

    /// The request lines for names that it does not know, so far.
    pub fn refused(&self) -> Vec<String> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// `http://127.0.0.1:<port>`, for `HTTPS_PROXY`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn serve(
    client: TcpStream,
    names: &BTreeMap<String, SocketAddr>,
    refused: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut header = String::from("header");
    while !header.trim_end().is_empty() {
        header.clear();
        reader.read_line(&mut header)?;
    }
    let mut client = client;
    let mut words = request.split_whitespace();
    let target = (words.next() == Some("CONNECT"))
        .then(|| words.next())
        .flatten()
        .and_then(|name| names.get(name));
    let Some(target) = target else {
        refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(request.trim_end().to_owned());
        return client.write_all(b"HTTP/1.1 502 Unknown Name\r\nContent-Length: 0\r\n\r\n");
    };
    let server = TcpStream::connect(target)?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (mut to_client, mut from_server) = (client.try_clone()?, server.try_clone()?);
    let back = std::thread::spawn(move || {
        drop(io::copy(&mut from_server, &mut to_client));
        drop(to_client.shutdown(Shutdown::Write));
    });
    let mut to_server = server;
    io::copy(&mut reader, &mut to_server)?;
    to_server.shutdown(Shutdown::Write)?;
    drop(back.join());
    Ok(())
}
