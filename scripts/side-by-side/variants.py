"""Small tokenizers, trained on the spot, that together have every step that Hugging Face's tokenizers know."""

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import texts


def variants(vocabulary=1500):
    """Names and tokenizers."""

    corpus = texts.texts(400, seed=3)
    gpt4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    o200k = "|".join([
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])

    def bpe(pre, normalizer=None, decoder=None, options=None, **training):
        t = Tokenizer(models.BPE(**(options or {})))
        t.pre_tokenizer = pre
        if normalizer:
            t.normalizer = normalizer
        if decoder:
            t.decoder = decoder
        t.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False, **training))
        return t

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    yield "gpt2", bpe(pre_tokenizers.ByteLevel(add_prefix_space=False), decoder=decoders.ByteLevel(), initial_alphabet=alphabet)
    t = bpe(pre_tokenizers.ByteLevel(add_prefix_space=True), decoder=decoders.ByteLevel(), initial_alphabet=alphabet,
            special_tokens=["<s>", "</s>", "<mask>"])
    t.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    yield "roberta", t
    for name, pattern in ("gpt4", gpt4), ("o200k", o200k):
        pre = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
        yield name, bpe(pre, normalizer=normalizers.NFC(), decoder=decoders.ByteLevel(), initial_alphabet=alphabet, options={"ignore_merges": True})
    pre = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False)])
    t = bpe(pre, decoder=decoders.ByteLevel(), initial_alphabet=alphabet, special_tokens=["<|im_start|>", "<|im_end|>"])
    yield "digits", t
    pieces = [f"<0x{i:02X}>" for i in range(256)]
    yield "llama", bpe(
        pre_tokenizers.Split(" ", "merged_with_previous"), normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]),
        {"byte_fallback": True, "unk_token": "<unk>", "fuse_unk": True}, special_tokens=["<unk>", "<s>", "</s>"] + pieces)
    yield "word ends", bpe(
        pre_tokenizers.Whitespace(), normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), decoders.BPEDecoder("</w>"),
        {"unk_token": "<unk>", "end_of_word_suffix": "</w>"}, special_tokens=["<unk>"], end_of_word_suffix="</w>")
    for form in (normalizers.NFD(), normalizers.NFKD(), normalizers.NFKC(), normalizers.NFC()):
        yield f"punctuation, {type(form).__name__}", bpe(
            pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous")]),
            normalizers.Sequence([form, normalizers.StripAccents(), normalizers.Strip()]), options={"unk_token": "<unk>"}, special_tokens=["<unk>"])
    for scheme in "always", "first", "never":
        for fallback in True, False:
            t = Tokenizer(models.Unigram())
            t.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
            t.pre_tokenizer = pre_tokenizers.Metaspace("▁", scheme)
            t.decoder = decoders.Metaspace("▁", scheme)
            t.train_from_iterator(corpus, trainers.UnigramTrainer(
                vocab_size=max(vocabulary - 300, 400), show_progress=False, unk_token="<unk>", special_tokens=["<unk>", "<s>"] + (pieces if fallback else [])))
            state = json.loads(t.to_str())
            state["model"]["byte_fallback"] = fallback
            t = Tokenizer.from_str(json.dumps(state))
            t.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s>:1 $B:1", [("<s>", 1)])
            yield f"unigram, {scheme}, {'bytes' if fallback else 'unknown'}", t
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=False)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=vocabulary, show_progress=False, special_tokens=["[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    t.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    yield "cased WordPiece", t
    t = bpe(pre_tokenizers.ByteLevel(add_prefix_space=False), decoder=decoders.ByteLevel(), initial_alphabet=alphabet)
    t.add_tokens([AddedToken("fox", single_word=True), AddedToken("lazy", lstrip=True), AddedToken("the ", rstrip=True), AddedToken("the")])
    t.add_special_tokens([AddedToken("<|end|>", lstrip=True, rstrip=True), "[MASK]"])
    yield "added tokens", t
