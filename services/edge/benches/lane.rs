//! Micro-benchmarks of a lane: deciding, rendering, the hub, and whole deliveries. `cargo bench -p edge --bench lane`.

mod traffic;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use edge::workbench::Workbench;
use traffic::Traffic;

criterion_group!(lane, decide, render, hub, deliver);
criterion_main!(lane);

fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    let mut bench = Workbench::new(1);
    for (name, text) in [
        ("ping", r#"{"type":"ping"}"#),
        (
            "publish",
            r#"{"type":"publish","channel":"orders/eu","data":{"n":1},"requestId":"r1"}"#,
        ),
        ("send", r#"{"type":"send","to":"peer-1","data":{"n":1}}"#),
        (
            "subscribe",
            r#"{"type":"subscribe","channel":"orders/eu","requestId":"r1"}"#,
        ),
        ("refuse", r#"{"type":"unheard of","requestId":"r1"}"#),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| bench.decide(0, black_box(text)));
        });
    }
    group.finish();
}

fn render(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("render");
    let mut bench = Workbench::new(0);
    for bytes in [128, 2_048, 32_768] {
        let sample = bench.sample("orders/eu", bytes);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(format!("{bytes} B"), |bencher| {
            bencher.iter(|| bench.render(black_box(&sample)));
        });
    }
    group.finish();
}

fn hub(criterion: &mut Criterion) {
    let mut bench = Workbench::new(0);
    let sample = bench.sample("orders/eu", 2);
    criterion.bench_function("hub/come, be found, go", |bencher| {
        bencher.iter(|| bench.listen(black_box(&sample)));
    });
}

fn deliver(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("deliver");
    for traffic in Traffic::ALL {
        let mut rounds = traffic.prepare();
        group.throughput(Throughput::Elements(rounds.deliveries() as u64));
        group.bench_function(traffic.name(), |bencher| {
            bencher.iter(|| rounds.play(1));
        });
    }
    group.finish();
}
