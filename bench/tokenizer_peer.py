# python tokenizer_peer.py FILE MERGES: the same training with Hugging Face's tokenizers.
import json, resource, sys, time
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

path, merges = sys.argv[1], int(sys.argv[2])
begin = time.perf_counter()
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
alphabet = pre_tokenizers.ByteLevel.alphabet()
trainer = trainers.BpeTrainer(vocab_size=256 + merges, min_frequency=2, initial_alphabet=alphabet, show_progress=False)
tokenizer.train([path], trainer)
seconds = time.perf_counter() - begin
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"seconds": seconds, "rss": usage.ru_maxrss / 1000, "cpu": usage.ru_utime + usage.ru_stime, "vocabulary": tokenizer.get_vocab_size()}))
