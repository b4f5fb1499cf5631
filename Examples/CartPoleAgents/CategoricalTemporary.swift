import Ember
struct Categorical {
  let logits: Tensor
  init(logits: Tensor) { self.logits = logits.logSoftmax(-1) }
  func sample() -> Tensor { logits.detach().exp().multinomial(1).squeeze(-1) }
  func logProb(_ a: Tensor) -> Tensor { logits.gather(dim: -1, index: a.unsqueeze(-1)).squeeze(-1) }
  func entropy() -> Tensor { -(logits.exp() * logits).sum(-1) }
}
