public import EmberAudio
import EmberFormats
public import EmberText
public import EmberTorchScript
public import EmberVision

extension SentenceEncoder: HubLoadable {
  public init(_ model: HubModel) throws { try self.init(folder: model.folder) }
}

extension Tokenizer: HubLoadable {
  public init(_ model: HubModel) throws {
    if let file = try? model.file(endingWith: ".gguf") {
      try self.init(GGUF.load(file), source: file)
    } else {
      try self.init(contentsOf: model.file(endingWith: "tokenizer.json"))
    }
  }
}

extension LanguageModel: HubLoadable {
  public convenience init(_ model: HubModel) throws {
    if let file = try? model.file(endingWith: ".gguf") { try self.init(gguf: file) } else { try self.init(folder: model.folder) }
  }
}

extension SpeechDetector: HubLoadable {
  public convenience init(_ model: HubModel) throws { try self.init(contentsOf: model.file(endingWith: ".jit")) }
}

extension PitchDetector: HubLoadable {
  public init(_ model: HubModel) throws { try self.init(contentsOf: model.file(endingWith: ".pth")) }
}

extension VoiceEncoder: HubLoadable {
  public convenience init(_ model: HubModel) throws { try self.init(contentsOf: model.file(endingWith: ".pt")) }
}

extension ImageClassifier: HubLoadable {
  public init(_ model: HubModel) throws {
    let endings = [".safetensors", ".pth", ".pt", "pytorch_model.bin"]
    let found = endings.compactMap { try? model.file(endingWith: $0) }
    try self.init(weights: found.first ?? model.file(endingWith: endings[0]), configuration: try? model.file(endingWith: "config.json"))
  }
}
