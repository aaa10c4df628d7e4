// SPDX-License-Identifier: Apache-2.0
//! The events of the load: the workload that all benches of the project share, about 850 bytes of JSON each.

use std::fmt::Write as _;

use agentwire_interop_rust::events::Headers;
use zentinel_agent_protocol::{RequestHeadersEvent, RequestMetadata};

const DISTINCT_EVENTS: usize = 1024;

const METHODS: [&str; 4] = ["GET", "GET", "GET", "POST"];
const PATHS: [&str; 7] = [
    "/api/v1/users/",
    "/api/v1/orders/",
    "/static/js/app.",
    "/search?q=",
    "/v2/items/",
    "/checkout/cart/",
    "/healthz?n=",
];
const USER_AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "curl/8.5.0",
    "okhttp/4.12.0",
    "python-requests/2.32.3",
];

/// One of the callers, with events of its own: no two callers ever send the same correlation id,
/// because the crate's clients know a request by nothing else.
pub struct Caller {
    number: usize,
    sent: u64,
    events: Vec<RequestHeadersEvent>,
}

impl Caller {
    /// The next event, under a correlation id that was never used before.
    pub fn next_event(&mut self) -> &RequestHeadersEvent {
        let index = self.sent as usize % self.events.len();
        self.sent += 1;
        let event = &mut self.events[index];
        let id = &mut event.metadata.correlation_id;
        id.clear();
        // Writing to a String cannot fail.
        let _ = write!(id, "{:08x}-0000-4000-8000-{:012x}", self.number, self.sent);
        event
    }
}

/// Deals the distinct events out to the callers; with more callers than events each has one.
pub fn callers(count: usize) -> Vec<Caller> {
    let mut random = Random(12_345);
    let mut callers: Vec<_> = (0..count)
        .map(|number| Caller {
            number,
            sent: 0,
            events: Vec::new(),
        })
        .collect();
    for number in 0..count.max(DISTINCT_EVENTS) {
        callers[number % count].events.push(event(&mut random));
    }
    callers
}

fn event(random: &mut Random) -> RequestHeadersEvent {
    RequestHeadersEvent {
        metadata: RequestMetadata {
            correlation_id: String::new(),
            request_id: random.uuid(),
            client_ip: format!("203.0.{}.{}", random.below(256), random.below(256)),
            client_port: 1024 + random.below(60_000) as u16,
            server_name: Some("www.example.com".into()),
            protocol: "HTTP/1.1".into(),
            tls_version: Some("TLSv1.3".into()),
            tls_cipher: Some("TLS_AES_128_GCM_SHA256".into()),
            route_id: Some("api-main".into()),
            upstream_id: Some("backend-pool".into()),
            timestamp: format!(
                "2026-01-15T10:{}:{}.{}Z",
                10 + random.below(50),
                10 + random.below(50),
                100 + random.below(900)
            ),
            traceparent: None,
        },
        method: random.pick(&METHODS).into(),
        uri: format!("{}{}", random.pick(&PATHS), random.hex(12)),
        headers: twelve_headers(random),
    }
}

/// Seven headers that every request has, and five of the eleven others.
fn twelve_headers(random: &mut Random) -> Headers {
    let always = [
        ("host", "www.example.com".to_owned()),
        ("user-agent", random.pick(&USER_AGENTS).to_owned()),
        ("accept", "application/json".to_owned()),
        ("accept-encoding", "gzip, br".to_owned()),
        (
            "x-forwarded-for",
            format!("198.51.100.{}", random.below(256)),
        ),
        ("x-request-id", random.hex(16)),
        ("connection", "keep-alive".to_owned()),
    ];
    let mut sometimes = vec![
        ("accept-language", "en-US,en;q=0.9".to_owned()),
        ("content-type", "application/json".to_owned()),
        ("authorization", format!("Bearer {}", random.hex(16))),
        ("cookie", format!("sid={}", random.hex(16))),
        ("x-api-version", "2".to_owned()),
        ("cache-control", "no-cache".to_owned()),
        ("if-none-match", format!("\"{}\"", random.hex(16))),
        ("sec-fetch-mode", "cors".to_owned()),
        ("dnt", "1".to_owned()),
        ("origin", "https://example.com".to_owned()),
        ("x-tenant", format!("tenant-{}", random.below(1000))),
    ];
    let chosen =
        (0..5).map(|_| sometimes.swap_remove(random.below(sometimes.len() as u32) as usize));
    let chosen: Vec<_> = chosen.collect();
    always
        .into_iter()
        .chain(chosen)
        .map(|(name, value)| (name.to_owned(), vec![value]))
        .collect()
}

/// A small generator with a fixed seed: every run sends the same events.
struct Random(u64);

impl Random {
    /// xorshift64, of which the upper half is good enough here.
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32 % limit
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u32) as usize]
    }

    fn hex(&mut self, digits: usize) -> String {
        (0..digits)
            .filter_map(|_| char::from_digit(self.below(16), 16))
            .collect()
    }

    fn uuid(&mut self) -> String {
        [8, 4, 4, 4, 12].map(|digits| self.hex(digits)).join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_size_that_the_benches_agree_on() {
        let mut callers = callers(1);
        let sizes = (0..DISTINCT_EVENTS)
            .map(|_| serde_json::to_vec(callers[0].next_event()).unwrap().len());
        let mean = sizes.sum::<usize>() / DISTINCT_EVENTS;
        assert!((836..=876).contains(&mean), "{mean} bytes");
    }

    #[test]
    fn callers_share_no_event_and_no_correlation_id() {
        let mut callers = callers(3);
        let dealt: usize = callers.iter().map(|caller| caller.events.len()).sum();
        assert_eq!(dealt, DISTINCT_EVENTS);
        let mut ids: Vec<_> = (0..300)
            .map(|turn| {
                callers[turn % 3]
                    .next_event()
                    .metadata
                    .correlation_id
                    .clone()
            })
            .collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 300);
    }
}
