import ArgumentParser
import Testing

@testable import EmberCommand

/// Options that cannot be meant.
@Suite struct OptionTests {
  @Test(arguments: [["--limit=-5"], ["--limit=0"], ["--top-p=2"], ["--top-p=0"], ["--top-k=0"], ["--temperature=-1"], ["--temperature=nan"]])
  func drawsOutOfRangeAreRefused(_ arguments: [String]) {
    #expect(throws: (any Error).self) { _ = try SamplingOptions.parse(arguments) }
  }

  @Test func drawsInRangeAreTaken() throws {
    let options = try SamplingOptions.parse(["--limit=1", "--top-p=1", "--top-k=1", "--temperature=0"])
    #expect(options.limit == 1 && options.topP == 1 && options.topK == 1 && options.temperature == 0)
  }

  @Test func namesThatNothingHasAreRefused() throws {
    let error = #expect(throws: ValidationError.self) { try Run.checkName(in: "nope=out.npy", among: ["output", "stateN"]) }
    #expect(error?.message.contains("'nope'") == true && error?.message.contains("output, stateN") == true)
    try Run.checkName(in: "out.npy", among: ["output"])
    try Run.checkName(in: "./a=b.npy", among: ["output"])
  }
}
