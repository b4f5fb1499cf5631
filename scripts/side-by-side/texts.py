"""Texts of many kinds, the same at every run, for holding tokenizers and encoders against each other."""

import random

# Beginnings for language models to go on with.
PROMPTS = [
    "Once upon a time there was a", "The capital of France is", "def fibonacci(n):\n", "Water boils at", "In 1969, Neil Armstrong",
    "The three primary colours are", "Dear Sir or Madam,\n\n", "Ingredients:\n- 2 eggs\n- ", "Q: What is photosynthesis?\nA:",
    "El perro corre por", "Le petit chat est", "1, 2, 3, 5, 8, 13,", "import numpy as np\n\nx = ", "Shakespeare wrote", "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n",
    "The café on the corner serves naïve crêpes 🥞 and", "According to the theory of relativity,", "A list of animals: cat, dog,", "It was a dark and stormy night;",
    "<|im_start|>system\nYou are a poet.<|im_end|>\n<|im_start|>user\nWrite about rain.<|im_end|>\n<|im_start|>assistant\n",
]

PLAIN = """The quick brown fox jumps over the lazy dog.
A man is eating a piece of bread.
Someone in a red jacket is climbing the north face of the mountain.
Interest rates rose by a quarter of a percentage point on Wednesday.
Please restart the server after changing the configuration file.
The recipe calls for two cups of flour, a pinch of salt and three eggs.
Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.
She didn't know whether he'd come; they've said they'll call, but I'm not sure we're early.
What's the capital of Mongolia, and how many people live there?
In 1969, Apollo 11 landed on the Moon; 650,000,000 people watched.
def fibonacci(n): return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
SELECT name, COUNT(*) FROM users WHERE age >= 18 GROUP BY name HAVING COUNT(*) > 3;
https://example.org/a/path?with=a&query=1#fragment and mail to somebody@example.org
To be, or not to be, that is the question.
An eye for an eye only ends up making the whole world blind.
Der Zug fährt um 17:45 Uhr von Gleis 9¾ nach Köln.
L'été dernier, nous sommes allés à la plage près de Nîmes.
El niño comió una piña mañana por la mañana.
Ærøskøbing ligger på Ærø i det sydfynske øhav.
Zażółć gęślą jaźń.
Příliš žluťoučký kůň úpěl ďábelské ódy.
Pijamalı hasta yağız şoföre çabucak güvendi. İstanbul IĞDIR
Съешь же ещё этих мягких французских булок, да выпей чаю.
Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. ΟΔΟΣ ὈΔΥΣΣΕΎΣ
עברית היא שפה יפה, עִם נִקּוּד.
اللغة العربية جميلة جدًا ٠١٢٣٤٥٦٧٨٩
मैं हिन्दी सीख रहा हूँ।
ภาษาไทยไม่มีช่องว่างระหว่างคำ
我昨天在北京大学的图书馆里看书。
今日は天気がいいから、散歩に行きましょう。カタカナも使う。
ｆｕｌｌ　ｗｉｄｔｈ　ｔｅｘｔ　１２３
안녕하세요, 저는 한국어를 공부하고 있습니다.
Tiếng Việt có nhiều dấu thanh điệu.
I love it 😍😍 but the 👩‍👩‍👧‍👦 family left 🇩🇪🏳️‍🌈 early 🤷🏽‍♀️!!!
🥺👉👈 new emoji: 🫠🫶🪿🩷
e\u0301 a\u0308 o\u0302\u0323 q\u0307\u0323 \u1e9b\u0323 \ufb01ligature \u2460 \u00bd \u2126 \u212b
tabs\tand  several   spaces \u00a0 no-break \u2003 em \u200b zero \u200d joiner \ufeff mark \u00ad soft
control \u0007 bell \u0000 null \u007f delete \ufffd replacement \ue000 private
'''quotes''' ``backticks`` “curly” ‘single’ «guillemets» — dashes – and … dots
x = a[i]++ && b != c || !d ? ~e : f ^ g; // ¬∀∃∑∏∞≠≤≥ ⟨bra|ket⟩ €£¥₹
Wörterbuchverlagsgesellschaftsvorsitzendenstellvertreterin
[CLS] this [SEP] has [MASK] marks [PAD] in it [UNK]
3.14159 2,718.28 1e-10 0xDEADBEEF 1234567890123456789 ½ ² ₃ Ⅷ ٣
""".splitlines()

WORDS = sorted({word for line in PLAIN for word in line.split()})
PUNCTUATION = list(".,;:!?'\"()[]{}<>/\\|@#$%^&*-_=+~`") + ["...", "--", "'s", "n't", "\n", "\n\n", "\r\n", "\t", "  ", "   "]


def texts(count, seed=7):
    """The plain ones, then mixtures of their words."""
    draw = random.Random(seed)
    result = [line for line in PLAIN if line]
    while len(result) < count:
        parts = []
        for _ in range(draw.randint(1, 40)):
            parts.append(draw.choice(WORDS) if draw.random() < 0.8 else draw.choice(PUNCTUATION))
            parts.append(draw.choice([" ", " ", " ", "", "  "]))
        result.append("".join(parts))
    return result[:count]


def scalars(count, seed=11):
    """Texts of characters from all over Unicode."""
    draw = random.Random(seed)
    blocks = [(0x20, 0x7E), (0xA0, 0x24F), (0x250, 0x36F), (0x370, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF), (0xE00, 0xFFF), (0x1100, 0x11FF),
              (0x1E00, 0x1FFF), (0x2000, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFFFD), (0x1F300, 0x1FAFF),
              (0x20000, 0x2A6DF), (0x1D400, 0x1D7FF), (0x0, 0x1F)]
    result = []
    for _ in range(count):
        parts = []
        for _ in range(draw.randint(1, 12)):
            low, high = draw.choice(blocks)
            parts += [chr(draw.randint(low, high)) for _ in range(draw.randint(1, 5))]
            if draw.random() < 0.4:
                parts.append(" ")
        text = "".join(parts)
        result.append("".join(c for c in text if not 0xD800 <= ord(c) < 0xE000))
    return result
