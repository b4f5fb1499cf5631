import EmberTensor
import Testing

@testable import EmberConformance

@Suite struct ComparisonTests {
  @Test func tolerancesAreThoseOfTheCorpus() {
    #expect(Comparison.isClose(1.1, 1, (0.1, 0.0000001)))
    #expect(!Comparison.isClose(1.2, 1, (0.1, 0.0000001)))
    #expect(Comparison.isClose(.nan, .nan, (0, 0)))
    #expect(!Comparison.isClose(.nan, 1, (1, 1)))
    #expect(Comparison.isClose(.infinity, .infinity, (0, 0)))
    #expect(!Comparison.isClose(.infinity, -.infinity, (1, 1)))
    #expect(!Comparison.isClose(1e300, .infinity, (1, 1)))
  }

  @Test func patternsMatchNames() {
    #expect(glob("torch.a*", "torch.add"))
    #expect(glob("*.fft.*", "torch.fft.rfft"))
    #expect(!glob("torch.a*d", "torch.addmm"))
    #expect(glob("torch.add", "torch.add") && !glob("torch.add", "torch.addr"))
  }
}
