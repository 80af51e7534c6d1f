package mapae.android

import android.content.Context
import java.security.SecureRandom
import mapae.wallet.Ports
import mapae.wallet.Security
import mapae.wallet.SignerException
import mapae.wallet.StorageException
import mapae.wallet.Wallet
import mapae.wallet.WalletException
import mapae.wallet.vaultHint

/**
 * The one wallet of this phone, opened when it is first asked for. The key of its vault lies in the vault's hint, wrapped
 * by a Keystore key that only an open screen lock can use: nothing else stands between a person and a gate.
 */
class PhoneWallet(context: Context, private val keys: AndroidKeys, lockIsSet: () -> Boolean) {
    private val storage = FileStorage(context.noBackupFilesDir)
    private val signer = KeystoreSigner(keys)
    private val holders = KeystoreHolderKeys(keys)
    private val mayBegin = lockIsSet
    private var open: Wallet? = null

    private fun ports() = Ports(signer, holders, storage, PlainHttp(), PhoneClock())

    /** Whether there is a wallet on this phone. */
    val isThere: Boolean
        get() = try {
            storage.load() != null
        } catch (_: StorageException) {
            false
        }

    /**
     * The wallet that is there.
     *
     * @throws WalletException there is none, or its vault does not open
     */
    @Synchronized
    fun opened(): Wallet = open ?: told {
        val blob = storage.load() ?: throw WalletException.Refused("no_wallet", "there is no wallet on this phone", null)
        val key = keys.unwrap(VAULT_KEY, vaultHint(blob))
        try {
            Wallet.open(ports(), key).also { open = it }
        } finally {
            key.fill(0)
        }
    }

    /**
     * A new wallet, in place of none.
     *
     * @throws WalletException there is one already, or the phone has no screen lock
     */
    @Synchronized
    fun begun(): Wallet = told {
        if (isThere) throw WalletException.Refused("wallet_there", "there is a wallet on this phone", null)
        if (!mayBegin()) throw WalletException.Refused("no_screen_lock", "the phone has no screen lock", null)
        val key = ByteArray(32).also(SecureRandom()::nextBytes)
        try {
            Wallet.create(ports(), key, keys.wrap(VAULT_KEY, key)).also { open = it }
        } finally {
            key.fill(0)
        }
    }

    /** Lets go of the open wallet; the next call opens it again. */
    @Synchronized
    fun close() {
        open?.destroy()
        open = null
    }

    /** Where the keys live, by the platform's word, and whether a chain of attestation says so too. */
    fun security(): Pair<Security, Boolean> = opened().security() to signer.isAttested

    private fun <T> told(work: () -> T): T = try {
        work()
    } catch (_: SignerException.Declined) {
        throw WalletException.Declined("vault_key_declined", "the vault's key was not given")
    } catch (exception: SignerException) {
        throw WalletException.Refused("vault_key", exception.javaClass.simpleName, null)
    } catch (exception: StorageException) {
        throw WalletException.Refused("storage", exception.javaClass.simpleName, null)
    }

    private companion object {
        const val VAULT_KEY = "vault"
    }
}
