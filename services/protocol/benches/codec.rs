//! Micro-benchmarks of the WebSocket codec. `cargo bench -p protocol --bench codec`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use protocol::realtime::ClientFrame;
use protocol::websocket::{Decoder, text_frame};

criterion_group!(codec, decode, encode, parse);
criterion_main!(codec);

const MESSAGE_BYTES_MAX: u32 = 67_584;
const SIZES: [usize; 3] = [128, 2_048, 32_768];

/// Unmasking and checking of UTF-8, the frame whole in one read or cut in the middle.
fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for bytes in SIZES {
        let frame = client_frame(bytes);
        group.throughput(Throughput::Bytes(bytes as u64));
        for (name, cut) in [("whole", frame.len()), ("cut", frame.len() / 2)] {
            group.bench_function(format!("{name} {bytes} B"), |bencher| {
                bencher.iter_batched_ref(
                    || frame.clone(),
                    |frame| messages(frame, cut),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    let mut out = Vec::new();
    for bytes in SIZES {
        let payload = vec![b'x'; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("{bytes} B"), |bencher| {
            bencher.iter(|| {
                out.clear();
                text_frame(&mut out, |json| json.extend_from_slice(black_box(&payload)));
            });
        });
    }
    group.finish();
}

/// From a text message to a client frame.
fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for bytes in SIZES {
        let data = "x".repeat(bytes);
        let text = format!(
            r#"{{"type":"publish","channel":"orders/eu","requestId":"r1","data":"{data}"}}"#
        );
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("{bytes} B"), |bencher| {
            bencher.iter(|| ClientFrame::decode(black_box(&text)).is_ok());
        });
    }
    group.finish();
}

/// Decodes two reads and returns how many messages they held.
fn messages(frame: &mut [u8], cut: usize) -> usize {
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    let (first, second) = frame.split_at_mut(cut);
    let mut messages = 0;
    for read in [first, second] {
        let mut at = 0;
        while let Ok(decoded) = decoder.decode(&mut read[at..])
            && decoded.event.is_some()
        {
            at += decoded.consumed;
            messages += 1;
        }
    }
    messages
}

/// A masked text frame of so many bytes of payload (RFC 6455 §5.2).
fn client_frame(bytes: usize) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend(
        u16::try_from(bytes)
            .expect("less than 64 KiB")
            .to_be_bytes(),
    );
    frame.extend(MASK);
    frame.extend((0..bytes).map(|at| b'x' ^ MASK[at % 4]));
    frame
}
