//! Calls to the control plane over plain HTTP.

use reqwest::{Method, RequestBuilder, Response, redirect::Policy};
use serde_json::Value;

/// A caller of one edge, with or without a credential.
#[derive(Debug, Clone)]
pub struct Rest {
    origin: String,
    authorization: Option<String>,
    http: reqwest::Client,
}

impl Rest {
    pub(crate) fn new(origin: &str) -> Self {
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .expect("a client without TLS needs nothing that can be missing");
        Self {
            origin: origin.to_owned(),
            authorization: None,
            http,
        }
    }

    /// The same caller with `Authorization: Bearer <credential>`.
    #[must_use]
    pub fn bearer(self, credential: &str) -> Self {
        self.authorization(&format!("Bearer {credential}"))
    }

    /// The same caller with this `Authorization` header, whatever it says.
    #[must_use]
    pub fn authorization(mut self, value: &str) -> Self {
        self.authorization = Some(value.to_owned());
        self
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    /// `PUT path` with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, Some(&body.to_string())).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_text(path, &body.to_string()).await
    }

    /// `POST path` with a body that need not be JSON, though it says so.
    pub async fn post_text(&self, path: &str, body: &str) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Any method on `path`.
    pub async fn call(&self, method: Method, path: &str, body: Option<&str>) -> Answer {
        let url = format!("{}{path}", self.origin);
        let mut request: RequestBuilder = self.http.request(method, &url);
        if let Some(value) = &self.authorization {
            request = request.header("authorization", value);
        }
        if let Some(text) = body {
            request = request
                .header("content-type", "application/json")
                .body(text.to_owned());
        }
        match request.send().await {
            Ok(response) => Answer::read(response).await,
            Err(error) => panic!("{url}: no answer: {error}"),
        }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body as JSON; `null` when it is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    async fn read(response: Response) -> Self {
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_default();
        Self {
            status,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    /// The body of a 200; panics on any other status.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "expected success, got: {}", self.text);
        self.body
    }

    /// Status and `error` code, which is all that a refused caller may rely on.
    #[must_use]
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["error"].as_str().unwrap_or(""))
    }
}
