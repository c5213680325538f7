"""One block as the first release wrote it: these bytes are read for ever."""

BLOCK = bytes.fromhex(
    "47584231f4000000de0010a17601a57368617264c410000102030405060708090a0b0c0d0e0fa5626c6f636b07a566697273"
    "7446a56c696e657302a5666163747302a46475707301a6696e707574739294ac66696c653a612e6a736f6e6c000c0f94b462"
    "616e6b2e7472616e73616374696f6e732e763102cd0384cd0384a56d61726b739195ac66696c653a612e6a736f6e6c00cd02"
    "58a231650fa26174b8323032362d31312d32325430333a30303a30302e3030305aa572756c657301a5636f646563a47a7374"
    "64a7646963745f696400a77261775f6c656ecd0179a3656e63a56a736f6e6ca4636f6c7381a463757374c408030e53cb9543"
    "0ed47a210e7f28b52ffd647900e50400d2492023a0371dfe7ff16cacfa8af9c86df7e65e92f9ca721dcd75a16ef9ed045994"
    "d2f887ef0a0f46a4e18028808517b2c66c4c30c9ca08c3e2f4a48fd5ff95864f744e213a5566e5b5bc751c8ca25af94fc203"
    "7ffef975103c594f06ca15a72163dabe17559d95f739757af545175979add3ad61e0b3d25a19369183b639bdd004ad080800"
    "2a346821a0d767cd00c7355eb8af694cc4d72584e133a7b24137"
)
BLOCK_LINES = [
    (
        b'{"type":"deposit","event_id":"e1","source":"core",'
        b'"occurred_at":"2026-01-05T10:00:00+08:00","customer_id":"C1","account_id":"A1",'
        b'"amount":1000,"currency":"CNY","value_date":"2026-01-05"}'
    ),
    (
        '{"type":"deposit","event_id":"e2","source":"core",'
        '"occurred_at":"2026-01-05T10:00:00+08:00","customer_id":"客户","account_id":"A1",'
        '"amount":1000,"currency":"CNY","value_date":"2026-01-05"}'
    ).encode(),
]
BLOCK_HEADER = {
    "v": 1,
    "shard": bytes(range(16)),
    "block": 7,
    "first": 70,
    "lines": 2,
    "facts": 2,
    "dups": 1,
    "inputs": [("file:a.jsonl", 0, 12, 15), ("bank.transactions.v1", 2, 900, 900)],
    "marks": [("file:a.jsonl", 0, 600, "1e", 15)],
    "at": "2026-11-22T03:00:00.000Z",
    "rules": 1,
    "codec": "zstd",
    "dict_id": 0,
    "raw_len": 377,
    "enc": "jsonl",
    "cols": {"cust": bytes.fromhex("030e53cb95430ed4")},
}
