import EmberNN
import EmberTensor
import Testing

@Suite struct PrintingTests {
  @Test(arguments: moduleTexts.indices) func modulesPrintAsInPyTorch(_ i: Int) {
    #expect(moduleTexts[i].module().description == moduleTexts[i].text)
  }

  @Test func settingsStandBeforeTheModulesInside() {
    final class Block: Module {
      let body = Linear(1, 2)
      override var settings: String { "width=2" }
    }
    #expect("\(Block())" == "Block(\n  width=2\n  (body): Linear(in_features=1, out_features=2, bias=True)\n)")
  }
}
