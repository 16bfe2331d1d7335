//! The command line of the simulator.
fn main() {
    let args: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().unwrap_or(0)).collect();
    let mut total = quorate_sim::world::Stats::default();
    let mut marks = quorate_sim::marks::Marks::default();
    let t = std::time::Instant::now();
    for seed in args[0]..args[1] {
        let r = quorate_sim::run::run(quorate_sim::world::Recipe::new(seed), quorate_sim::run::Options { twice: seed % 16 == 0, trace: args.len() > 2 });
        total.merge(&r.stats); marks.merge(&r.marks);
        for l in &r.trace { println!("{l}"); }
        if let Some(f) = r.failure { println!("{seed}: {} at {}\n{}\n{}", f.violation, f.event, f.settings, f.plan); }
    }
    println!("{total:?} {:?} missing {:?}", t.elapsed(), marks.missing());
}
