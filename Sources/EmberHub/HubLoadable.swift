public import EmberText

extension SentenceEncoder: HubLoadable {
  public init(_ model: HubModel) throws { try self.init(folder: model.folder) }
}

extension Tokenizer: HubLoadable {
  public init(_ model: HubModel) throws { try self.init(contentsOf: model.file(endingWith: "tokenizer.json")) }
}
