//! Ways in: with a welcome, with a refusal, or with no expectation at all.

use std::{future::Future, net::SocketAddr};

use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self,
        client::IntoClientRequest,
        handshake::client::{Request, Response},
        http::{HeaderName, HeaderValue},
    },
};

use super::{Client, Closed};
use crate::{DEADLINE, Door, Place, TestEdge, Token, within};

impl Client {
    /// Connects with a publishable key and reads the welcome.
    #[track_caller]
    pub fn connect_key(edge: &TestEdge, id: &str) -> impl Future<Output = Self> {
        Self::welcomed_at(edge, Door::key(id), Place::here())
    }

    /// Connects with a token and reads the welcome.
    #[track_caller]
    pub fn connect_token(edge: &TestEdge, token: &str) -> impl Future<Output = Self> {
        Self::welcomed_at(edge, Door::token(token), Place::here())
    }

    /// Connects as this peer of [`App::demo`](crate::App::demo) and reads the welcome.
    #[track_caller]
    pub fn connect_peer(edge: &TestEdge, peer: &str) -> impl Future<Output = Self> {
        Self::welcomed_at(edge, Door::token(&Token::peer(peer).sign()), Place::here())
    }

    /// Connects through any door and reads the welcome.
    #[track_caller]
    pub fn connect(edge: &TestEdge, door: Door) -> impl Future<Output = Self> {
        Self::welcomed_at(edge, door, Place::here())
    }

    /// Upgrades at an address, for clients that outlive the edge they first knew.
    ///
    /// # Errors
    /// Nobody upgrades there now.
    pub async fn dial(address: SocketAddr, door: &Door) -> Result<Self, tungstenite::Error> {
        let opening = timeout(DEADLINE, handshake_at(address, door)).await;
        let (socket, _) = opening.map_err(|_| tungstenite::Error::ConnectionClosed)??;
        Ok(Self::new(socket))
    }

    /// Upgrades, and reads nothing yet.
    #[track_caller]
    pub fn open(edge: &TestEdge, door: Door) -> impl Future<Output = Self> {
        Self::open_at(edge, door, Place::here())
    }

    /// Upgrades and expects to be closed before any frame.
    #[track_caller]
    pub fn refused(edge: &TestEdge, door: Door) -> impl Future<Output = Closed> {
        let place = Place::here();
        async move {
            let mut client = Self::open_at(edge, door, place).await;
            client.closed_at(place).await
        }
    }

    /// The HTTP answer to the upgrade request, whatever it is.
    #[track_caller]
    pub fn response(edge: &TestEdge, door: Door) -> impl Future<Output = Response> {
        let place = Place::here();
        async move {
            match handshake(edge, &door).await {
                Ok((_, response)) => response.map(|_| None),
                Err(tungstenite::Error::Http(response)) => *response,
                Err(error) => panic!("{place}: no HTTP answer: {error}"),
            }
        }
    }

    async fn open_at(edge: &TestEdge, door: Door, place: Place) -> Self {
        match handshake(edge, &door).await {
            Ok((socket, _)) => Self::new(socket),
            Err(error) => panic!("{place}: no upgrade: {error}"),
        }
    }

    async fn welcomed_at(edge: &TestEdge, door: Door, place: Place) -> Self {
        let mut client = Self::open_at(edge, door, place).await;
        client.welcome_at(place).await;
        client
    }

    /// Reads the welcome of a client that was only opened.
    #[track_caller]
    pub fn read_welcome(&mut self) -> impl Future<Output = ()> {
        self.welcome_at(Place::here())
    }

    /// Reads the welcome of a client that may be refused.
    ///
    /// # Errors
    /// It was.
    pub async fn try_welcome(&mut self) -> Result<(), Closed> {
        self.welcome = self.patient_frame().await?;
        Ok(())
    }

    async fn welcome_at(&mut self, place: Place) {
        self.welcome = self.expect_at("welcome", place).await;
    }
}

type Handshake = Result<(WebSocketStream<TcpStream>, Response), tungstenite::Error>;

async fn handshake(edge: &TestEdge, door: &Door) -> Handshake {
    within("the upgrade is answered", handshake_at(edge.listen(), door)).await
}

async fn handshake_at(address: SocketAddr, door: &Door) -> Handshake {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    client_async(request(address, door)?, stream).await
}

fn request(address: SocketAddr, door: &Door) -> Result<Request, tungstenite::Error> {
    let mut request = format!("ws://{address}{}", door.path_and_query()).into_client_request()?;
    for (name, value) in door.headers() {
        let name: HeaderName = name
            .parse()
            .expect("tests write header names that are valid");
        let value: HeaderValue = value
            .parse()
            .expect("tests write header values that are valid");
        request.headers_mut().append(name, value);
    }
    Ok(request)
}
