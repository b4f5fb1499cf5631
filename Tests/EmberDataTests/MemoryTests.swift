import EmberCPU
import EmberRuntime
import EmberTensor
import Glibc
import Testing

/// Long runs, only where `EMBER_DEEP` is set: they need the process for themselves.
@Suite(.enabled(if: getenv("EMBER_DEEP") != nil), .serialized) struct MemoryTests {
  /// Resident set in bytes.
  static func residentBytes() throws -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return (Int(text.split(separator: " ")[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
  }

  @Test(arguments: ["adam", "sgd"]) func memoryDoesNotGrowOverALongRun(_ rule: String) throws {
    let run = try SmallRun(epochs: 5000, rule: rule)
    var at: [Int: (resident: Int, live: Int)] = [:]
    run.trainer.onStep = { step, _ in
      if step == 500 || step == 5000 { at[step] = (try Self.residentBytes(), CPU.memoryStatistics.liveBytes) }
    }
    run.trainer.onEpoch = { _ in run.trainer.losses.count < 5000 }
    try run.trainer.run()
    let early = try #require(at[500]), late = try #require(at[5000])
    // The list of losses grows by 36 kB; allow a few pages.
    #expect(late.resident - early.resident < 1 << 20, "\(early) \(late)")
    #expect(late.live <= early.live)
  }
}
